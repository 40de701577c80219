"""What a system file says of currencies, and what it must not say of them."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from lts.config.file import read_system
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("INT-016", "INT-026")

IN_EUROS = ('currency = "USD"\ncash', 'currency = "EUR"\ncash')
STATED = '\n[[conversion]]\nfrom = "EUR"\nto = "USD"\nrate = "1.08"\n'
BY_PRICE = '\n[[conversion]]\nfrom = "EUR"\nto = "USD"\ninstrument = "{}"\n'
YEN = '\n[[instrument]]\nsymbol = "YEN"\ncurrency = "JPY"\ntick_size = 1\nlot_size = 1\n'
PLACE = "conversion from EUR to USD"


def refusal_of(file: Path) -> str:
    with pytest.raises(Refused) as caught:
        read_system(file)
    return str(caught.value)


def test_an_instrument_may_be_in_another_currency_that_is_converted(
    system: str, write: Callable[[str], Path]
) -> None:
    plan = read_system(write(system.replace(*IN_EUROS) + STATED))
    (conversion,) = plan.conversions
    assert (conversion.source, conversion.target, conversion.rate) == ("EUR", "USD", Decimal("1.08"))
    back = STATED.replace('"USD"', '"X"').replace('"EUR"', '"USD"').replace('"X"', '"EUR"')
    (conversion,) = read_system(write(system.replace(*IN_EUROS) + back)).conversions
    assert conversion.source == "USD", "the way back is the same way"


def test_a_plan_that_was_written_out_is_read_again(system: str, write: Callable[[str], Path]) -> None:
    plan = read_system(write(system.replace(*IN_EUROS) + STATED))
    assert '"conversion":[{"from":"EUR","to":"USD"' in plan.to_json()


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        (
            "",
            "the instrument is in USD and the portfolio in EUR, and nothing converts between them; add a",
        ),
        (STATED.replace("EUR", "JPY"), "and nothing converts between them"),
        (STATED + STATED, "the conversion between EUR and USD is stated more than once; keep one"),
        (
            STATED + '\n[[conversion]]\nfrom = "USD"\nto = "EUR"\ninstrument = "SP500"\n',
            "the conversion between EUR and USD is stated more than once; keep one",
        ),
        (STATED.replace("USD", "EUR"), "EUR needs no conversion to itself"),
        (STATED.replace('rate = "1.08"', ""), "a conversion has either a rate or an instrument"),
        (STATED + 'instrument = "SP500"\n', "a conversion has either a rate or an instrument"),
        (STATED.replace("1.08", "0"), "greater than 0"),
        (BY_PRICE.format("EURUSD"), f"{PLACE}: there is no instrument 'EURUSD'"),
        (
            BY_PRICE.format("YEN") + YEN,
            f"{PLACE}: no feed brings prices of 'YEN'; add a [[feed]] for it",
        ),
        (
            BY_PRICE.format("YEN") + YEN + '\n[[feed]]\nplugin = "csv"\ninstrument = "YEN"\n',
            f"{PLACE}: 'YEN' is priced in JPY, which is neither of the two",
        ),
    ],
)
def test_what_contradicts_itself_is_one_sentence(
    system: str, write: Callable[[str], Path], tables: str, sentence: str
) -> None:
    said = refusal_of(write(system.replace(*IN_EUROS) + tables))
    assert sentence in said
    assert "\n" not in said
