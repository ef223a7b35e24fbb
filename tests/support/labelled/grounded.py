"""Claims and the context that they are to be grounded in."""

import random
from typing import Final, NamedTuple

#: Country: capital, continent, currency, millions of people (rounded), longest river, borders.
_COUNTRIES: Final = {
    "France": ("Paris", "Europe", "euro", 68, "Loire", 8),
    "Japan": ("Tokyo", "Asia", "yen", 124, "Shinano", 0),
    "Brazil": ("Brasília", "South America", "real", 203, "Amazon", 10),
    "Kenya": ("Nairobi", "Africa", "shilling", 54, "Tana", 5),
    "Canada": ("Ottawa", "North America", "dollar", 40, "Mackenzie", 1),
    "Egypt": ("Cairo", "Africa", "pound", 105, "Nile", 3),
    "Poland": ("Warsaw", "Europe", "zloty", 37, "Vistula", 7),
    "India": ("New Delhi", "Asia", "rupee", 1428, "Ganges", 6),
    "Australia": ("Canberra", "Oceania", "dollar", 26, "Murray", 0),
    "Mexico": ("Mexico City", "North America", "peso", 128, "Rio Grande", 3),
    "Norway": ("Oslo", "Europe", "krone", 5, "Glomma", 3),
    "Thailand": ("Bangkok", "Asia", "baht", 71, "Chi", 4),
}
#: Element: symbol, number, year of its discovery, state at room temperature.
_ELEMENTS: Final = {
    "helium": ("He", 2, 1868, "gas"), "lithium": ("Li", 3, 1817, "solid"),
    "neon": ("Ne", 10, 1898, "gas"), "titanium": ("Ti", 22, 1791, "solid"),
    "bromine": ("Br", 35, 1826, "liquid"), "iodine": ("I", 53, 1811, "solid"),
    "radium": ("Ra", 88, 1898, "solid"), "argon": ("Ar", 18, 1894, "gas"),
}  # fmt: skip
#: About something else altogether.
_INVENTED: Final = (
    "Visitors can book a guided tour of the harbour every Sunday.",
    "The train from the airport runs every ten minutes during the night.",
    "Its national football team has won the cup twice in recent decades.",
    "A famous chef opened the first restaurant of this kind there.",
    "Laboratories have to store it in blue bottles by law.",
    "The museum gives students a discount on weekday mornings.",
    "Its price doubled after the merger of the two largest producers.",
    "Tourists like the spicy soup that is sold near the old station.",
)


class Claim(NamedTuple):
    """A sentence of an answer.

    Attributes:
        kind: `supported`, or how it was edited: `number`, `entity`, `negation`, `invented`.
    """

    context: str
    claim: str
    kind: str

    @property
    def is_supported(self) -> bool:
        return self.kind == "supported"


def claims(seed: int, count: int) -> list[Claim]:
    """Claims, half of them supported."""
    chance = random.Random(seed)
    found = []
    for n in range(count):
        kind = "supported"
        if n % 2:
            kind = ("number", "entity", "negation", "invented")[n // 2 % 4]
        make = _country if chance.random() < 0.7 else _element
        found.append(make(kind, chance))
    return found


def _country(kind: str, chance: random.Random) -> Claim:
    name, *others = chance.sample(sorted(_COUNTRIES), 4)
    context = " ".join(_about_country(each) for each in sorted([name, *others[:2]]))
    capital, continent, currency, people, river, borders = _COUNTRIES[name]
    if kind == "invented":
        return Claim(context, chance.choice(_INVENTED), kind)
    if kind == "number":
        wrong = chance.choice([people + chance.randint(2, 30), people * 2, max(1, people // 2) + 1])
        text = chance.choice((
            f"About {wrong} million people live in {name}.",
            f"{name} has a population of roughly {wrong} million.",
            f"With {wrong} million inhabitants, {name} uses the {currency}.",
        ))  # fmt: skip
        return Claim(context, text, kind)
    if kind == "entity":
        wrong_capital, _, wrong_currency, _, wrong_river, _ = _COUNTRIES[others[2]]
        text = chance.choice((
            f"The capital city of {name} is {wrong_capital}.",
            f"{wrong_capital} is where the government of {name} has its seat.",
            f"People in {name} pay with the {wrong_currency if wrong_currency != currency else 'franc'}.",
            f"The {wrong_river} is the longest river in {name}.",
        ))  # fmt: skip
        return Claim(context, text, kind)
    is_not, pays, lies = (
        ("is not", "do not pay", "does not lie") if kind == "negation" else ("is", "pay", "lies")
    )
    text = chance.choice((
        f"{capital} {is_not} the capital of {name}.",
        f"People in {name} {pays} with the {currency}.",
        f"{name} {lies} in {continent}.",
        f"The longest river of {name} {is_not} the {river}.",
        f"About {people} million people live in {name}." if kind == "supported"
        else f"{name} has no land borders with {borders} countries, and the {currency} is not used.",
    ))  # fmt: skip
    return Claim(context, text, kind)


def _about_country(name: str) -> str:
    capital, continent, currency, people, river, borders = _COUNTRIES[name]
    return (
        f"{name} is a country in {continent}. Its capital is {capital}. The population of {name} is"
        f" about {people} million. The currency of {name} is the {currency}, and it shares land"
        f" borders with {borders} countries. The {river} is the longest river of {name}."
    )


def _element(kind: str, chance: random.Random) -> Claim:
    name, *others = chance.sample(sorted(_ELEMENTS), 4)
    context = " ".join(_about_element(each) for each in sorted([name, *others[:2]]))
    symbol, number, year, state = _ELEMENTS[name]
    if kind == "invented":
        return Claim(context, chance.choice(_INVENTED), kind)
    if kind == "number":
        text = chance.choice((
            f"{name.capitalize()} was discovered in {year + chance.randint(1, 60)}.",
            f"The atomic number of {name} is {number + chance.randint(1, 9)}.",
        ))  # fmt: skip
        return Claim(context, text, kind)
    if kind == "entity":
        text = chance.choice((
            f"The symbol of {name} is {_ELEMENTS[others[2]][0]}.",
            f"Chemists write {name} as {_ELEMENTS[others[2]][0]}, and it is element {number}.",
        ))  # fmt: skip
        return Claim(context, text, kind)
    was, has = ("was not", "is not") if kind == "negation" else ("was", "is")
    text = chance.choice((
        f"{name.capitalize()} {was} discovered in {year}.",
        f"At room temperature {name} {has} a {state}.",
        f"The atomic number of {name} {has} {number}.",
        f"The element {name} {has} written as {symbol}.",
    ))  # fmt: skip
    return Claim(context, text, kind)


def _about_element(name: str) -> str:
    symbol, number, year, state = _ELEMENTS[name]
    return (
        f"{name.capitalize()} is a chemical element with the symbol {symbol} and atomic number"
        f" {number}. It was discovered in {year}. At room temperature, {name} is a {state}."
    )
