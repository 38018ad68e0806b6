"""Where an engine has got to: what it saves with everything it says, and what its successor goes on from.

The bars are not in it: they follow from the ticks up to `through`, whoever folds them.
"""

from __future__ import annotations

import msgspec

from quant.signals import Action
from serving.messages import SignalMessage


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the floor can't work out again from the ticks alone.

    Attributes
    ----------
    market : str or None
        The run of the feed that it follows.
    shown : dict of str to SignalMessage
        The signal in force of each ticker, as it was said last.
    at_close : dict of str to Action
        The action in force at each ticker's last close, which the next close holds on to.
    """

    market: str | None
    shown: dict[str, SignalMessage]
    at_close: dict[str, Action]
