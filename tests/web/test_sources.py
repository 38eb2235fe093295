"""The sources of the page's tokenizer; what it makes of texts is tested in `tests/wordpiece`."""

from __future__ import annotations

import re

from tests.support.node import REPOSITORY
from tests.web.pages import script

SCRIPTS = REPOSITORY / "docs" / "web-demo" / "js"


def test_committed_tables_are_those_of_the_jvm():
    """The page's character tables are letter by letter those of the Java source."""
    tables = script("make_tables")
    made = tables.javascript_source(tables.SOURCE.read_text(encoding="utf-8"))
    assert tables.TARGET.read_text(encoding="utf-8") == made
    names = re.findall(r"export const (\w+) =", made)
    assert names == re.findall(r"static final String (\w+) =", tables.SOURCE.read_text(encoding="utf-8"))
    assert len(names) == 9


def test_no_module_asks_the_browser_for_a_property_of_a_character():
    """What becomes of a text goes by no Unicode tables of the browser, whose version differs from one to the next."""
    asks = re.compile(r"\\[pPwWsSdDbB]\b|\\[pP]\{|normalize\(|to(Locale)?(Lower|Upper)Case|\.trim|localeCompare|Intl\.")
    for name in ("characters.js", "entities.js", "labels.js", "normalizer.js", "spans.js", "tasks.js", "tokenizer.js"):
        source = re.sub(r"/\*.*?\*/", "", (SCRIPTS / name).read_text(encoding="utf-8"), flags=re.DOTALL)
        assert asks.findall(source) == [], name
