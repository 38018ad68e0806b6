"""``python -m serving.client URL``: each update of a stream as a line of JSON, until Ctrl-C or nobody reads on."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from serving.client.blocking import SyncStreamClient
from serving.client.errors import StreamError
from serving.messages import encode
from serving.protocol import Channel


def main(arguments: list[str] | None = None) -> int:
    """Print; the exit status is 1, after one line on stderr, for what ends the stream."""
    asked = _parser().parse_args(arguments)
    # Ending in good order is the same whoever asks for it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _print(asked)
    except (StreamError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # What Python would still flush at its end has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _print(asked: argparse.Namespace) -> None:
    channels = None if asked.channels is None else tuple(map(Channel, asked.channels))
    with SyncStreamClient(asked.url, tickers=asked.tickers, channels=channels) as client:
        for update in client:
            sys.stdout.write(f"{encode(update).decode()}\n")
            sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving.client", description=__doc__)
    parser.add_argument("url", help="as ws://127.0.0.1:8000/v1/stream")
    parser.add_argument("--tickers", nargs="+", help="default: all")
    parser.add_argument(
        "--channels", nargs="+", choices=[channel.value for channel in Channel], metavar="CHANNEL",
        help=f"some of {', '.join(channel.value for channel in Channel)}; default: all",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main())
