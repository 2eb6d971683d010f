"""The index of words without the accents of Latin letters, so that ``cafe`` finds ``café`` and ``café`` finds ``cafe``.

SQLite's full-text table folds by itself and is made anew. On Postgres a function of ours does it before words are
parted, which needs no extension; only what has more than plain letters is written again. What other scripts write above
or below a letter tells words apart, and stays.
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# Plain text, which is most of it, is left alone. A letter and its accents are parted, the accents go, and the rest is
# put together again, since in other scripts it would be another letter.
_FOLDED = """
    CREATE FUNCTION folded(said text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT CASE WHEN octet_length(said) = char_length(said) THEN said ELSE
            normalize(regexp_replace(normalize(said, NFD), '([A-Za-z])[\\u0300-\\u036F]+', '\\1', 'g'), NFC)
        END
    $$
"""
# A text longer than a vector of words can hold is found by its beginning, so the rest is not folded either.
_PLAIN = """
    CREATE FUNCTION plain_words(said text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT parted_words(folded(left(said, 100000)))
    $$
"""
_AGAIN = """
    UPDATE message_words w
    SET words = to_tsvector('simple', plain_words(m.text)) || array_to_tsvector(ARRAY['@' || w.user_id])
    FROM messages m WHERE m.id = w.message_id AND octet_length(m.text) <> char_length(m.text)
"""
_FULL_TEXT = """
    CREATE VIRTUAL TABLE message_words_fts USING fts5(
        text, owner, content='', columnsize=0, prefix='2 3', tokenize='unicode61 remove_diacritics {}'
    )
"""
_ALL_WORDS = """
    INSERT INTO message_words_fts (rowid, text, owner)
    SELECT w.number, m.text, hex(w.user_id) FROM message_words w JOIN messages m ON m.id = w.message_id
    ORDER BY w.number
"""


def upgrade() -> None:
    """Apply."""
    if op.get_bind().dialect.name == "postgresql":
        _run(_FOLDED, "ALTER FUNCTION plain_words(text) RENAME TO parted_words", _PLAIN, _AGAIN)
    else:
        _run("DROP TABLE message_words_fts", _FULL_TEXT.format(2), _ALL_WORDS)


def downgrade() -> None:
    """Take back."""
    if op.get_bind().dialect.name == "postgresql":
        back = "ALTER FUNCTION parted_words(text) RENAME TO plain_words"
        _run("DROP FUNCTION plain_words(text)", back, "DROP FUNCTION folded(text)", _AGAIN)
    else:
        _run("DROP TABLE message_words_fts", _FULL_TEXT.format(0), _ALL_WORDS)


def _run(*statements: str) -> None:
    connection = op.get_bind()
    for statement in statements:
        connection.exec_driver_sql(statement)
