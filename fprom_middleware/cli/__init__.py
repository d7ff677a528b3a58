"""What an operator types: ``fprom``, ``flask fprom`` and ``manage.py fprom``.

Start reading in `group`: a command's module is loaded when the command is called. Each command
takes an `Fprom`; where its settings come from is a `SettingsSource`. `main` is the ``fprom``
command itself, the only module that knows the sandbox.

May import: account and the rooms below it; click and rich.
"""
