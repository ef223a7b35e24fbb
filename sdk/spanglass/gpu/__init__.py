"""GPU servers: boards through NVML, engines by their metrics, the node itself, sent as OTLP.

`spanglass agent` on a GPU node; it needs `pip install 'spanglass[gpu]'` and nothing of the
collector. From Python:

    from spanglass.gpu import Agent, AgentSettings

    agent = Agent(AgentSettings(engines=("http://127.0.0.1:8000",)))
    agent.start()
    ...
    agent.stop()

_probes, _board, _nvml   what boards are asked, a thread for each, which there are
_processes, _host        who uses a board; processors, memory, disks, network
engines/                 inference engines: scraped, and mapped to one schema
_points, _metric_wire    readings between two reports become OTLP
_sender                  sent in order; what can't be sent waits on disk
_options, command        settings, and the command
"""

from spanglass.gpu._agent import Agent
from spanglass.gpu._options import AgentSettings, SettingError

__all__ = ["Agent", "AgentSettings", "SettingError"]
