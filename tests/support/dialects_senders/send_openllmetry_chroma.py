"""OpenLLMetry's instrumentation of a vector database: Chroma, in memory."""

import chromadb
import conversation as c
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.chromadb import ChromaInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider(resource=Resource({"service.name": "chroma-sender"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(c.OTLP_URL + "/v1/traces")))
trace.set_tracer_provider(provider)
ChromaInstrumentor().instrument()
collection = chromadb.EphemeralClient().create_collection("shop")
collection.add(
    ids=["shipping", "returns"],
    documents=["Express delivery costs 12.50 EUR.", "Tents can be returned within 60 days."],
    metadatas=[{"page": 3}, {"page": 7}],
    embeddings=[[0.1, 0.9], [0.8, 0.2]],
)
collection.query(query_embeddings=[[0.2, 0.8]], n_results=2)
provider.shutdown()
