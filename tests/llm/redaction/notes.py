"""Notes as account managers write them in ten languages, with names that a tenant knows in every form they take."""

import random
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from faker import Faker

from cs_ml.domain.llm.entities import KnownNames, NamedAccount, NamedPerson

LOCALES = {
    "de": "de_DE", "fr": "fr_FR", "es": "es_ES", "it": "it_IT", "pl": "pl_PL", "tr": "tr_TR", "pt": "pt_PT",
    "nl": "nl_NL", "ja": "ja_JP", "en": "en_US",
}  # fmt: skip
NOTES_EACH = 60
_PEOPLE, _ACCOUNTS = 25, 12

# {p} a person, {a} an account; {e}, {t}, {b} an e-mail, a phone number, a bank account.
TEMPLATES = {
    "de": (
        "Anruf mit {p} wegen der Rechnung", "{p} ist unzufrieden, siehe {e}",
        "Gespräch bei {a} mit {p}, Rückruf {t}", "{a} überlegt zu kündigen",
        "Neue Bankverbindung {b} von {p}",
    ),
    "fr": (
        "Appel avec {p} au sujet de la facture", "{p} attend une réponse, voir {e}",
        "Réunion chez {a} avec {p}, tél. {t}", "{a} pense à partir",
        "Nouveau compte {b} de {p}",
    ),
    "es": (
        "Llamada con {p} por la factura", "{p} no está contento, ver {e}",
        "Reunión en {a} con {p}, tel. {t}", "{a} piensa en irse",
        "Nueva cuenta {b} de {p}",
    ),
    "it": (
        "Chiamata con {p} per la fattura", "{p} aspetta una risposta, vedi {e}",
        "Riunione da {a} con {p}, tel. {t}", "{a} pensa di andare via",
        "Nuovo conto {b} di {p}",
    ),
    "pl": (
        "Rozmowa z {p} o fakturze", "{p} czeka na odpowiedź, zob. {e}",
        "Spotkanie w {a} z {p}, tel. {t}", "{a} myśli o odejściu",
        "Nowe konto {b} od {p}",
    ),
    "tr": (
        "{p} ile fatura görüşmesi", "{p} cevap bekliyor, bkz. {e}",
        "{a} ziyareti, {p} katıldı, tel. {t}", "{a} ayrılmayı düşünüyor",
        "Yeni hesap {b}, {p}",
    ),
    "pt": (
        "Chamada com {p} sobre a fatura", "{p} espera uma resposta, ver {e}",
        "Reunião na {a} com {p}, tel. {t}", "{a} pensa em sair",
        "Nova conta {b} de {p}",
    ),
    "nl": (
        "Gesprek met {p} over de factuur", "{p} wacht op antwoord, zie {e}",
        "Bezoek bij {a} met {p}, tel. {t}", "{a} denkt erover te gaan",
        "Nieuwe rekening {b} van {p}",
    ),
    "ja": (
        "{p}様と請求書について電話", "{p}さんは返事を待っています {e}",
        "{a}で{p}部長と会議、電話{t}", "{a}が解約を検討中",
        "{p}より新しい口座{b}",
    ),
    "en": (
        "Call with {p} about the invoice", "{p} is waiting for an answer, see {e}",
        "Visit at {a}, met {p}, phone {t}", "{a} is thinking of leaving",
        "New account {b} from {p}",
    ),
}  # fmt: skip
# What is written to the end of a name, by language; nothing is shared with the product's list.
INFLECTIONS: dict[str, Sequence[Callable[[str], str]]] = {
    "de": (lambda n: n + "s", lambda n: n + "'", lambda n: n + "en"),
    "fr": (lambda n: n + "s",),
    "es": (lambda n: n + "s", lambda n: n + "es"),
    "it": (lambda n: n + "i",),
    "pl": (
        lambda n: n[:-1] + "ę" if n.endswith("a") else n + "a",
        lambda n: n[:-1] + "ą" if n.endswith("a") else n + "em",
        lambda n: n[:-2] + "ce" if n.endswith("ka") else n + "owi" if not n.endswith(("a", "i", "o")) else n,
        lambda n: n + "ego" if n.endswith("i") else n + "ów" if not n.endswith(("a", "o")) else n,
    ),
    "tr": (lambda n: n + "'in", lambda n: n + "’ye", lambda n: n + "den", lambda n: n + "'ler"),
    "pt": (lambda n: n + "s", lambda n: n + "inho"),
    "nl": (lambda n: n + "s", lambda n: n + "'s", lambda n: n + "tje"),
    "ja": (lambda n: n + "さん",),
    "en": (lambda n: n + "'s", lambda n: n + "s", lambda n: n + "’s"),
}
_PLAIN = str.maketrans("łŁøØđĐıßæœ", "lLoOdDisae")


@dataclass(frozen=True, kw_only=True)
class Note:
    """`secrets`: the names and addresses in `text`, as they are written there; `person`: those parts of a person."""

    locale: str
    text: str
    secrets: tuple[str, ...]
    person: tuple[str, ...]


def tenant(locale: str, seed: int) -> KnownNames:
    fake = Faker(LOCALES[locale])
    fake.seed_instance(seed)
    accounts = [
        NamedAccount(id=n, name=fake.unique.company(), phones=(fake.phone_number(),)) for n in range(1, _ACCOUNTS + 1)
    ]
    people = [
        NamedPerson(
            id=n,
            first_name=fake.first_name(),
            last_name=fake.last_name(),
            emails=(fake.unique.email(),),
            phones=(fake.phone_number(),),
        )
        for n in range(1, _PEOPLE + 1)
    ]
    return KnownNames(version=locale, accounts=accounts, people=people)


def notes(locale: str, known: KnownNames, count: int = NOTES_EACH, seed: int = 0) -> Iterator[Note]:
    rng = random.Random(f"{locale}{seed}")
    fake = Faker("en_GB")
    fake.seed_instance(seed)
    for number in range(count):
        person, account = rng.choice(known.people), rng.choice(known.accounts)
        written, parts = _person(locale, person, rng)
        named = _written(account.name, locale, rng)
        values = {"p": written, "a": named, "e": person.emails[0], "t": person.phones[0], "b": fake.iban()}
        template = TEMPLATES[locale][number % len(TEMPLATES[locale])]
        used = [value for key, value in values.items() if f"{{{key}}}" in template]
        named_parts = tuple(parts) if "{p}" in template else ()
        yield Note(locale=locale, text=template.format(**values), secrets=(*used, *named_parts), person=named_parts)


def _person(locale: str, person: NamedPerson, rng: random.Random) -> tuple[str, list[str]]:
    """A person as somebody may write them, and the parts of that."""
    first, last = person.first_name, person.last_name
    inflect = rng.choice(INFLECTIONS[locale])
    space = "" if locale == "ja" else " "
    choices = [[first, last], [last, first], [last], [first], [inflect(first)], [first, inflect(last)], [inflect(last)]]
    parts = [_written(part, locale, rng) for part in rng.choice(choices)]
    joint = rng.choice([space, space, "\u00a0", ", "])
    return joint.join(parts), parts


def _written(name: str, locale: str, rng: random.Random) -> str:
    return rng.choice([_as_is, _as_is, _upper, _lower, _without_accents, _decomposed])(name, locale)


def _as_is(name: str, _locale: str) -> str:
    return name


def _upper(name: str, locale: str) -> str:
    return name.replace("i", "İ").upper() if locale == "tr" else name.upper()


def _lower(name: str, locale: str) -> str:
    return name.replace("İ", "i").replace("I", "ı").lower() if locale == "tr" else name.lower()


def _without_accents(name: str, _locale: str) -> str:
    if name.isascii() or not unicodedata.name(name[0]).startswith("LATIN"):
        return name
    taken_apart = unicodedata.normalize("NFD", name.translate(_PLAIN))
    return "".join(letter for letter in taken_apart if not unicodedata.combining(letter))


def _decomposed(name: str, _locale: str) -> str:
    return unicodedata.normalize("NFD", name)
