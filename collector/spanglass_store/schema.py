"""What the migrations make, as far as code has to know it."""

from typing import Final

#: The tables that people's SQL can read. Each has a column `project`.
READABLE_TABLES: Final = ("spans", "traces", "scores")

#: Columns of `spans` that hold what people and models wrote; reading them takes a grant.
PAYLOAD_COLUMNS: Final = (
    "input",
    "output",
    "input_text",
    "output_text",
    "payload_attributes",
    "payload_events.attributes",
)
