"""Spans of other dialects: OpenTelemetry's GenAI attributes are added beside the originals.

`may_apply` looks at a serialised request and costs next to nothing; `apply` works on the decoded
one. Both are pure: no configuration, no state.
"""

from spanglass_collector.dialects.detect import may_apply as may_apply
from spanglass_collector.dialects.engine import apply as apply
