"""What an operator types: ``fprom``, ``flask fprom`` and ``manage.py fprom``.

Start reading in `group`: a command's module is loaded when the command is called. Each command
takes an `Fprom` and does not care where its settings came from; a front door is a `source`.
`main` is the ``fprom`` command itself, the only one that knows the sandbox.

May import: account and the rooms below it; click and rich.
"""
