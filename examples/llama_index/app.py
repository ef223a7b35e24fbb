"""A question over an index of LlamaIndex, traced by the instrumentation that is installed for it.

    pip install llama-index-core openinference-instrumentation-llama-index
    spanglass serve &
    python examples/llama_index/app.py

Models and embeddings are LlamaIndex's own stand-ins, so that no key is needed.
"""

from llama_index.core import MockEmbedding, Settings, VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.schema import TextNode

import spanglass

SHELF = (
    "Boots and jackets can be returned within 60 days, unworn.",
    "Express delivery costs 12.50 EUR and arrives on the next working day.",
)


if __name__ == "__main__":
    spanglass.init(service="llama-index")
    print(spanglass.instrument(only=["llama-index"]))
    Settings.llm = MockLLM()
    Settings.embed_model = MockEmbedding(embed_dim=8)
    index = VectorStoreIndex([TextNode(text=text) for text in SHELF])
    with spanglass.context(session_id="s-1", user_id="u-1"):
        print(index.as_query_engine(similarity_top_k=2).query("What does express cost?"))
    spanglass.flush()
