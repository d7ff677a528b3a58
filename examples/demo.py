"""Watch a referral become a lead: a shop, a local FirstPromoter, and a visitor.

python examples/demo.py          start both and look at them in a browser
python examples/demo.py --once   make the visits and check what arrived
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

# A script's own folder is on the path; what stands here is imported from the one above.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from examples.journey import live, once
from examples.journey.watch import DemoError, Stopped, Watch, say


def main(arguments: list[str] | None = None) -> int:
    """Run the demo.

    Args:
        arguments: The command line's, without the program's name.

    Returns:
        The exit code: 0 where all is as it should be.
    """
    parser = argparse.ArgumentParser(prog="demo.py", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--once", action="store_true", help="make the visits, check what arrived, and end"
    )
    parser.add_argument(
        "--ports",
        nargs=2,
        type=int,
        default=(8750, 8751),
        metavar=("FIRSTPROMOTER", "SHOP"),
        help="where to listen, if the ports are free (default: 8750 8751); 0 is any; "
        "--once takes any",
    )
    parser.add_argument(
        "--trusted-proxies",
        default="loopback",
        metavar="LIST",
        help="FPROM_TRUSTED_PROXIES of the shops; try 0 to see what a forgotten setting does",
    )
    options = parser.parse_args(arguments)
    try:
        with Watch() as watch:
            if options.once:
                return once.run(watch, trusted_proxies=options.trusted_proxies)
            live.run(watch, trusted_proxies=options.trusted_proxies, ports=options.ports)
    except Stopped:
        say("Stopped.")
        return 1 if options.once else 0
    except DemoError as error:
        say(f"\nNot right: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
