"""A LangChain chain, traced by the instrumentation that is installed for it.

    pip install openinference-instrumentation-langchain
    python examples/instrument_langchain.py

The model is LangChain's own stand-in, so that no key is needed.
"""

from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate

import spanglass

if __name__ == "__main__":
    spanglass.init(service="instrument-langchain")
    print(spanglass.instrument())
    prompt = ChatPromptTemplate.from_messages([("human", "{question}")])
    chain = prompt | FakeListChatModel(responses=["Within 30 days."])
    with spanglass.context(session_id="s-17"), spanglass.span("answer"):
        print(chain.invoke({"question": "How long can I return a jacket?"}).content)
