"""The command line: files in, files out; results on stdout, progress and messages on stderr.

Exit codes: 0 fine, 1 a regression, 2 unusable input, 3 inconclusive, 130 interrupted. Nothing heavy is imported
until a command needs it: the files here import click and each other, and the rest inside their functions.
"""

from salessim.cli import ahead, demo, exchange, gate, logs, modules, runs, scenarios, search
from salessim.cli.group import main as main

for _part in (scenarios, modules, runs, ahead, search, gate, logs, exchange, demo):
    for _command in _part.COMMANDS:
        main.add_command(_command)
