"""The demo: a shop's assistant at work, written with the SDK and the real `openai` client.

clock.py       real time, or a past that passes as fast as it is told
shop.py        what the assistant can look up: tools, questions, customers
assistant.py   the application: retrieval, streamed chat, tools, an occasional error
traffic.py     who asks what, when
__main__.py    `python examples/demo`
"""
