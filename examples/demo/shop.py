"""Halden Outdoor, an invented shop: what its assistant can look up, and who asks it."""

from __future__ import annotations

import json
import random
from typing import Any, Final

SYSTEM: Final = (
    "You are the assistant of Halden Outdoor. Answer from the documents below and from your "
    "tools, in a few sentences. If neither says it, say so.\n\nDocuments:\n\n"
)

QUESTIONS: Final = (
    "How long do I have to return a jacket I never wore?",
    "Where is my order HO-10482?",
    "How much is express delivery?",
    "Do Halden boots run small?",
    "Is the Fjell tent in stock in Northmere?",
    "The zip on my pack is broken, can you repair it?",
    "Where is my order HO-99999?",
    "How long is a gift card valid?",
    "How many points do I need for a voucher?",
    "Is the Eskvale store open on Saturday?",
    "Can I exchange boots that pinch for a larger size?",
    "When do I get my refund?",
    "What does the warranty on a tent cover?",
    "Where is my order HO-20917?",
    "Can I return a climbing rope?",
    "How do I care for a waterproof jacket?",
    "Is the Skog pack in stock in Port Laren?",
    "Do you deliver to a collection point?",
    # What people write into chats: invented, with numbers and domains that are given out for that.
    "My order HO-10482 is late. Write to ana.marsh@example.com or call +44 20 7946 0958.",
    "I paid with card 4111 1111 1111 1111. When do I get my refund?",
    "Please send my refund to DE89 3704 0044 0532 0130 00, and the receipt to kim@example.org.",
)

FEATURES: Final = ("help-centre", "order-page", "app-chat")
CUSTOMERS: Final = tuple(f"customer-{n:03}" for n in range(1, 61))
#: Models and their share of the questions.
MODELS: Final = {"gpt-4o-mini": 0.7, "gpt-4o": 0.22, "o4-mini": 0.08}

#: What customers write beside a thumb; most write nothing.
PRAISE: Final = ("", "", "", "Thanks, that is what I needed.", "Quick and clear.")
COMPLAINTS: Final = (
    "", "", "Too long, I only wanted to know the price.", "That is not what I asked.",
    "It says one thing here and another on the product page.", "Took forever to answer.",
)  # fmt: skip

TOOLS: Final[list[dict[str, Any]]] = [
    {
        "type": "function",
        "function": {
            "name": "get_order_status",
            "description": "Look up where an order is, by its order number.",
            "parameters": {
                "type": "object",
                "properties": {"order_id": {"type": "string"}},
                "required": ["order_id"],
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "check_stock",
            "description": "Say how many pieces of a product are in stock in a store.",
            "parameters": {
                "type": "object",
                "properties": {
                    "product": {"type": "string"},
                    "store": {"type": "string", "enum": ["Northmere", "Eskvale", "Port Laren"]},
                },
                "required": ["product", "store"],
            },
        },
    },
]

_ORDERS: Final = {
    "HO-10482": {"status": "shipped", "carrier": "Fjordpost", "expected": "in 2 days"},
    "HO-20917": {"status": "packed", "carrier": "Fjordpost", "expected": "in 4 days"},
}


class NoSuchOrder(LookupError):
    """The order number is in nobody's list."""


def run_tool(name: str, arguments: dict[str, Any], rng: random.Random) -> str:
    """A tool's answer, as JSON text.

    Raises:
        NoSuchOrder: if there is no such order.
    """
    if name == "get_order_status":
        order_id = str(arguments.get("order_id", ""))
        if order_id not in _ORDERS:
            raise NoSuchOrder(f"no order {order_id!r}")
        return json.dumps({"order_id": order_id, **_ORDERS[order_id]})
    return json.dumps({**arguments, "pieces": rng.randrange(0, 9)})
