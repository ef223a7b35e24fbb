"""What instructions look like that try to take a model over: expressions of RE2 with weights.

They match text in lower case with single spaces (see `injection.plain`). A rule's weight is how
much it says by itself, from 0 to 1. The kinds follow OWASP's LLM01 and the names of the field.
"""

from typing import Final, NamedTuple

#: What an instruction is called.
_ORDERS: Final = r"(?:instructions?|(?:system )?prompts?|rules?|directives?|directions?|guidelines?|commands?|orders?|context|messages?|training|programming|constraints?|restrictions?|polic(?:y|ies)|guardrails?|filters?|safety|everything)"
_EARLIER: Final = r"(?:previous|prior|above|earlier|preceding|initial|original|former|past|existing|current|foregoing|given)"
_DROP: Final = r"(?:ignore|disregard|forget|override|bypass|overrule|skip|drop|neglect|discard|erase|disobey|do not follow|don'?t follow|stop following|pay no attention to|set aside|throw (?:away|out))"
_PROMPT: Final = r"(?:system (?:prompt|message|instructions?)|(?:initial|original|hidden|secret|internal|full|exact|own) (?:prompt|instructions?|rules|guidelines|configuration)|pre-?prompt|developer (?:message|prompt)|instructions (?:above|you (?:were|have been) given)|the (?:text|words|instructions) above)"
_SHOW: Final = r"(?:reveal|show|print|repeat|output|display|tell me|give me|share|leak|recite|write (?:out|down)|dump|disclose|spell out|translate|summari[sz]e|what (?:is|are|was|were|does|do)|copy|expose|quote|echo)"


class Rule(NamedTuple):
    """One kind of attack.

    Attributes:
        kind: its name.
        weight: how much it says, from 0 to 1.
        pattern: of RE2.
        in_documents: whether it counts only in what no user wrote: documents and tools' results.
    """

    kind: str
    weight: float
    pattern: str
    in_documents: bool = False


RULES: Final = (
    Rule("override", 0.9, rf"\b{_DROP} (?:\w+ ){{0,4}}?{_EARLIER} (?:\w+ ){{0,2}}?{_ORDERS}\b"),
    Rule("override", 0.85, rf"\b{_DROP} (?:all|any|every|each|your|these|those|whatever|the system)(?: of)?(?: the| your| its)? (?:\w+ )?{_ORDERS}\b"),
    Rule("override", 0.85, r"\b(?:ignore|disregard|forget) (?:everything|all|anything|whatever) (?:that )?(?:of (?:it|this|that|the)|you|i|we|was|has|above|before|said|told|the)\b"),
    Rule("override", 0.8, rf"\b{_DROP} (?:\w+ ){{0,3}}?{_ORDERS} (?:that )?(?:you|he|it) (?:were|was|have been|had been|got) (?:\w+ )?(?:given|told|taught|shown)\b"),
    Rule("override", 0.8, r"\b(?:your|these are (?:your|the)|here are (?:your|the)) (?:new|real|actual|updated|only) (?:instructions?|task|objective|goal|orders?|rules?|directive|purpose)\b"),
    Rule("override", 0.6, r"\b(?:new|updated|revised|important|urgent) (?:system )?(?:instructions?|directive|task)(?: for (?:the |this )?(?:ai|assistant|model|bot|llm))? ?[:!]"),
    Rule("override", 0.7, r"\b(?:instead|now) ?,? (?:you (?:must|will|shall|should)|only) (?:\w+ ){0,3}?(?:respond|reply|answer|say|output|print|write) (?:only )?(?:with|by)?\b"),
    Rule("override", 0.75, rf"\b(?:do not|don'?t|never|stop) (?:obey(?:ing)?|follow(?:ing)?|adher\w+ to|apply(?:ing)?|listen(?:ing)? to) (?:\w+ ){{0,4}}?{_ORDERS}\b"),
    Rule("override", 0.8, rf"\b(?:the|your|all) {_EARLIER} {_ORDERS} (?:(?:is|are|was|were|have been|has been) )?(?:now )?(?:void|cancel\w*|obsolete|null|revoked|no longer|superseded|invalid|a test)\b"),
    Rule("override", 0.85, r"\b(?:ignoriere?|vergiss|missachte|überschreibe) (?:\S+ ){0,3}?(?:vorherige\w*|bisherige\w*|obige\w*|anweisung\w*|regeln|instruktionen|vorgaben)"),
    Rule("override", 0.85, r"\b(?:ignore[zr]?|oublie[zr]?) (?:\S+ ){0,3}?(?:instructions?|consignes|règles|directives) ?(?:précédentes|antérieures|ci-dessus)?"),
    Rule("override", 0.85, r"\b(?:ignora|olvida|descarta|ignore|esqueça|dimentica) (?:\S+ ){0,3}?(?:instrucciones|reglas|indicaciones|instruções|regras|istruzioni|regole)"),
    Rule("override", 0.85, r"(?:игнорируй|забудь|проигнорируй)(?:те)? (?:\S+ ){0,3}?(?:инструкци|указани|правил|команд)"),
    Rule("override", 0.85, r"(?:忽略|无视|忘记|忘掉).{0,10}(?:指令|指示|规则|提示|要求)|(?:前|以前|これまで|上記).{0,8}(?:指示|命令|ルール).{0,6}(?:無視|忘れ)"),
    Rule("prompt_extraction", 0.85, rf"\b{_SHOW} (?:me |us )?(?:\w+ ){{0,5}}?(?:your|the|its|his|this (?:chat|bot|model)'?s) (?:\w+ ){{0,2}}?{_PROMPT}\b"),
    Rule("prompt_extraction", 0.8, r"\b(?:repeat|print|output|show|write|copy|echo|recite) (?:me )?(?:\w+ ){0,4}?(?:everything|all|the (?:words|text|lines|content|sentences?|paragraphs?)|verbatim)(?: \w+){0,4}? (?:above|before this|prior to this|preceding|you were (?:told|given)|you have been (?:told|given))\b"),
    Rule("prompt_extraction", 0.6, r"\bwhat (?:were|are|was) (?:you|your) (?:\w+ )?(?:told|instructed|programmed|initial instructions|system prompt|first instructions)\b"),
    Rule("jailbreak", 0.9, r"\b(?:dan mode|do anything now|developer mode (?:enabled|activated|output)|jailbreak(?:ed)? (?:mode|prompt)|god mode|sudo mode|opposite mode|evil (?:mode|confidant|bot)|stan mode|dude mode|aim mode|antigpt|chaosgpt)\b"),
    Rule("jailbreak", 0.75, r"\b(?:you are|you're|you will be|act as|pretend (?:to be|you are|that you are)|roleplay as|become|simulate|imagine you are|from now on) (?:\S+ ){0,12}?(?:no|without|any|free of|unbound by|not bound by|not limited by|free from|zero|lacks?) (?:\w+ ){0,3}?(?:restrictions?|limits?|limitations?|filters?|rules?|ethics|ethical|morals?|guidelines?|censorship|boundaries|safety|content polic\w+|constraints)"),
    Rule("jailbreak", 0.7, r"\b(?:unfiltered|uncensored|unrestricted|amoral|unethical|lawless|jailbroken|unchained) (?:\w+ )?(?:ai|assistant|chatbot|model|bot|language model|version|persona|mode|response|answer)s?\b"),
    Rule("jailbreak", 0.65, r"\b(?:bypass|disable|turn off|deactivate|remove|circumvent|evade|lift|unlock) (?:\w+ ){0,3}?(?:safety|content|ethical|moral|security|moderation|openai'?s|anthropic'?s|your|its) (?:filters?|restrictions?|guidelines?|guardrails?|safeguards?|polic(?:y|ies)|protocols?|limitations?|measures)\b"),
    Rule("jailbreak", 0.6, r"\b(?:you (?:can|must|should|will|shall)(?: not|'?t| never)|never) (?:\w+ )?(?:refuse|decline|say no|apologi[sz]e|warn|moraliz\w+|break character|mention (?:that )?(?:you are|you're) an? ai)\b"),
    Rule("jailbreak", 0.6, r"\b(?:start|begin) (?:your )?(?:response|answer|reply|output|sentence) with ?:? ?[\"'“]?(?:sure|absolutely|of course|yes|okay|certainly)\b"),
    Rule("jailbreak", 0.55, r"\b(?:hypothetical(?:ly)?|fictional|for (?:educational|research|academic) purposes|in a movie|in a novel|my (?:late |deceased )?grand(?:ma|mother)) .{0,120}\b(?:bomb|explosive|meth|napalm|malware|ransomware|virus|weapon|hack|keylogger|counterfeit|steal)\b"),
    Rule("jailbreak", 0.5, r"\b(?:stay in character|remain in character|token system|you have \d+ tokens|lose \d+ (?:tokens|points)|if you (?:refuse|break character))\b"),
    Rule("impersonation", 0.75, r"(?:^|\n|[.,:!?] )\W{0,6}(?:system|admin(?:istrator)?|developer|root|openai|anthropic)(?: (?:message|override|note|notice|prompt|command|update|instruction))? ?\W{0,3}[:>\]] ?\S"),
    Rule("impersonation", 0.8, r"<\|(?:im_start|im_end|system|user|assistant|endoftext|start_header_id|eot_id|begin_of_text)\|?>|\[/?inst\]|<</?sys>>|<(?:/)?(?:system|instructions?|admin)>|\[(?:system|admin)(?: \w+)?\]|#{2,} ?(?:system|new instructions?|instructions? (?:end|override)|end of (?:prompt|instructions|context|document))|-{3,} ?(?:end of|begin new|system)"),
    Rule("impersonation", 0.6, r"\b(?:i am|i'm|this is|speaking as) (?:your|the|an?) (?:\w+ )?(?:developer|creator|administrator|admin|openai|anthropic|system administrator|engineer|owner)\b.{0,100}\b(?:authori[sz]|grant|allow|order|command|override|debug|disable|permission|maintenance|reveal|show)"),
    Rule("impersonation", 0.6, r"\b(?:enter|enable|activate|switch (?:to|into)|you are (?:now )?in|initiate) (?:\w+ )?(?:debug|maintenance|developer|admin|diagnostic|root|privileged|unrestricted) mode(?:[.!,;:]| and\b| now\b| so\b|$)"),
    Rule("exfiltration", 0.8, r"!\[[^\]]*\]\(https?://[^)\s]*[?&/][^)\s]*(?:\{|\[|<|%7b|data=|q=|secret|conversation|history|prompt)"),
    Rule("exfiltration", 0.75, r"\b(?:send|post|forward|email|upload|transmit|exfiltrate|leak|append|encode|submit) (?:\S+ ){0,8}?(?:conversation|chat history|history|credentials?|passwords?|api keys?|secrets?|tokens?|private|confidential|customer data|user data|personal data|system prompt|contents?|data|emails?|documents?|files?) (?:\S+ ){0,6}?(?:to|at|into|in|via|using) (?:\S+ ){0,4}?(?:https?://|\S+@\S+\.\w+|url|webhook|attacker|external|this address|the (?:following )?(?:address|url|link))", True),
    Rule("hidden_instruction", 0.8, r"\b(?:if you are|if you're|as|attention|note to|dear|hey|hello|message (?:to|for)|instructions? (?:to|for)|important(?: note)? (?:to|for)|to) (?:an? |the |any |all )?(?:\w+ )?(?:ai|llm|language models?|assistants?|chatbots?|gpt|claude|ai agents?|agents?|summari[sz]ers?|automated systems?)\b.{0,20}(?:[:,!]|reading|processing|summari[sz]ing|you (?:must|should|will))", True),
    Rule("hidden_instruction", 0.75, r"\b(?:do not|don'?t|never|without) (?:tell|inform|mention|reveal|notify|alert|show|informing|telling|mentioning|disclose)(?: this| it| any of this)?(?: to)? (?:the )?(?:users?|humans?|customers?|anyone|person|operator|reader)\b", True),
    Rule("hidden_instruction", 0.6, r"\b(?:assistant|ai|model|chatbot|agent)\b ?[,:]? (?:you )?(?:must|should|please|shall|has to|is (?:required|instructed) to|needs to|will) (?:now |always |immediately |instead |also |only )?(?:\w+)\b", True),
    Rule("hidden_instruction", 0.6, r"\b(?:when|before|after) (?:you )?(?:summari[sz]e|answer|respond|reply|process|translate)(?:ing)?\b.{0,60}\b(?:always|must|be sure to|make sure|also|recommend|include|add|insert|call|use the|say)\b", True),
    Rule("hidden_instruction", 0.6, r"\b(?:call|invoke|execute|run|use) the (?:\S+ )?(?:tool|function|command|plugin)\b.{0,80}\b(?:with|to|and)\b", True),
)  # fmt: skip
