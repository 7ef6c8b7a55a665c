"""Invented companies and people. Web and mail addresses end in `.example` (RFC 2606), so none can exist."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from numpy.random import Generator

# Names that a naive reader of CSV, HTML or a spreadsheet stumbles over, with the domain label that each goes by.
SPECIAL_COMPANIES: Final = (
    ("Hollander, Voss & Partners", "hollander-voss"), ('"Quick & Tidy" Facility Care', "quick-tidy"),
    ("O'Rourke Haulage Ltd", "orourke-haulage"), ("株式会社ミナトリンク", "minatolink"),
    ("Müßmann Möbelwerk GmbH", "muessmann"), ("Żurawek Logistyka sp. z o.o.", "zurawek"),
    ("ООО «Северлит»", "severlit"), ("Ærøvig Shipping A/S", "aeroevig"), ("Ñandural Textiles, S.A.", "nandural"),
    ("Établissements Crésson-Vial", "cresson-vial"), ("@Ardent Labs", "ardent-labs"), ("شركة نوران للتوزيع", "nooran"),
    ("Θαλασσινός Ναυτιλιακή", "thalassinos"), ("서린물산", "seorin"), ("İlkmar Lojistik A.Ş.", "ilkmar"),
    ("Tag <One> Media", "tag-one"), ("D'Angelo, Figli & C.", "dangelo-figli"), ("Ðalvarsson ehf.", "dalvarsson"),
)  # fmt: skip
STEMS: Final = (
    "Aldermoor", "Brackwell", "Corvanta", "Dunmere", "Elmhollow", "Fenbrook", "Garrowby", "Hexvale", "Ivorlane",
    "Jessamor", "Kestrin", "Larkmere", "Marrowgate", "Nethercombe", "Oakhurst Vane", "Pellworth", "Quillmoor",
    "Ravensell", "Stellarbrook", "Thornabee", "Umberfield", "Velloway", "Wrenhaven", "Yarrowick", "Zephyrstone",
    "Bramblecote", "Cindervale", "Drumlanna", "Everstrand", "Foxglade", "Glimmerford", "Harrowden", "Inverlune",
    "Juniperra", "Kilnmarsh", "Lindqvale", "Mistralia", "Northolme", "Orrindale", "Pebblemere",
)  # fmt: skip
TRADES: Final = {
    "Logistics": ("Freight", "Haulage", "Logistics"), "Healthcare": ("Clinics", "Diagnostics", "Care Group"),
    "Manufacturing": ("Components", "Tooling", "Industries"), "Retail": ("Outfitters", "Stores", "Market"),
    "Financial Services": ("Mutual", "Underwriting", "Credit"), "Software": ("Software", "Analytics", "Systems"),
    "Education": ("Academy", "Learning", "College Trust"), "Hospitality": ("Hotels", "Kitchens", "Resorts"),
    "Energy": ("Power", "Renewables", "Grid Services"), "Professional Services": ("Advisory", "Partners", "Legal"),
}  # fmt: skip
# First name, last name and, where the script is not Latin, the romanised form used in the address.
PEOPLE: Final = (
    ("Jürgen", "Müller"), ("Łukasz", "Wójcik"), ("Siobhán", "O'Brien"), ("Amara", "Okafor"), ("José", "Núñez"),
    ("Chloé", "Lefèvre"), ("Søren", "Østergaard"), ("Priya", "Raghunathan"), ("Wei", "Zhang"), ("Fatima", "El Amrani"),
    ("Björn", "Åkesson"), ("Ivana", "Kovačević"), ("Grace", "Whitfield"), ("Marcus", "Bell"), ("Thuỳ", "Nguyễn"),
    ("Zeynep", "Yıldız"), ("Ana", "Conceição"), ("Dániel", "Szűcs"), ("Ingrid", "van der Meer"), ("Tomáš", "Dvořák"),
    ("Hannah", "Goldberg"), ("Kwame", "Mensah"), ("Noor", "Haddad"), ("Olivia", "Carter-Jones"), ("Rafael", "D'Souza"),
    ("Elif", "Şahin"), ("Peter", "McAllister"), ("Mia", "Großmann"), ("Aroha", "Tāmati"), ("Samuel", "Brooks"),
    ("Lena", "Hoffmann"), ("Ravi", "Subramaniam"), ("Camila", "Peña"), ("Jack", "Turner"), ("Sofía", "Ibáñez"),
    ("健太", "佐藤", "kenta.sato"), ("Елена", "Соколова", "elena.sokolova"), ("민준", "김", "minjun.kim"),
    ("Νίκος", "Παππάς", "nikos.pappas"), ("ليلى", "حسن", "layla.hassan"),
)  # fmt: skip
_BARE: Final = str.maketrans({"ł": "l", "ø": "o", "ß": "ss", "ı": "i", "æ": "ae", "đ": "d", "'": "", " ": ""})


@dataclass(frozen=True, kw_only=True)
class Company:
    name: str
    domain: str
    industry: str


@dataclass(frozen=True, kw_only=True)
class Person:
    first_name: str
    last_name: str
    mailbox: str


def companies(rng: Generator, count: int) -> list[Company]:
    """`count` companies with distinct names and domains, one in eight of them a special one.

    Raises ValueError beyond the number of names that can be made (about 1,200).
    """
    industries = list(TRADES)
    specials = [SPECIAL_COMPANIES[int(index)] for index in rng.permutation(len(SPECIAL_COMPANIES))[: count // 8]]
    made = [
        Company(name=name, domain=f"{label}.example", industry=industries[int(rng.integers(len(industries)))])
        for name, label in specials
    ]
    pairs = [(stem, industry, trade) for stem in STEMS for industry, trades in TRADES.items() for trade in trades]
    if count - len(made) > len(pairs):
        raise ValueError(f"at most {len(pairs) + len(made)} companies can be named, not {count}")
    for index in rng.permutation(len(pairs))[: count - len(made)]:
        stem, industry, trade = pairs[int(index)]
        label = ascii_label(f"{stem}-{trade}")
        made.append(Company(name=f"{stem} {trade}", domain=f"{label}.example", industry=industry))
    return [made[int(index)] for index in rng.permutation(len(made))]


def people(rng: Generator, count: int) -> Sequence[Person]:
    """`count` different people, at most as many as there are in `PEOPLE`."""
    return [_person(PEOPLE[int(index)]) for index in rng.permutation(len(PEOPLE))[:count]]


def _person(entry: tuple[str, ...]) -> Person:
    first, last = entry[:2]
    mailbox = entry[2] if len(entry) > 2 else f"{ascii_label(first)}.{ascii_label(last)}"
    return Person(first_name=first, last_name=last, mailbox=mailbox)


def ascii_label(text: str) -> str:
    """Lower-case ASCII of a Latin-script name, for an address."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_BARE))
    return plain.encode("ascii", "ignore").decode()
