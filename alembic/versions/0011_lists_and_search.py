"""Pinned and archived conversations, an index for each of their lists, and one of the words of all messages.

``message_words`` numbers the messages that have a text, the later the higher. On Postgres it carries their words; on
SQLite those are in the full-text table ``message_words_fts``. Triggers keep both, whichever way a message is written.
The owner is a word too: what is looked for is found among a person's own messages alone.
"""

import sqlalchemy as sa

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# What parts words, so that a name, an address or a path is found by each of its parts.
# A sign that a driver reads in a statement, and one that ends a text, are written twice.
_ASCII_MARKS = "!\"#$%%&''()*+,-./:;<=>?@[\\]^_`{|}~"
# Quotation marks, dashes, the points and brackets of Chinese and Japanese, arrows.
_OTHER_MARKS = (
    "\u201c\u201d\u2018\u2019\u201e\u201a\u00ab\u00bb\u2039\u203a\u2013\u2014\u2026\u00b7\u2022\u00bf\u00a1\u3001"
    "\u3002\uff0c\uff01\uff1f\uff1a\uff1b\uff08\uff09\u300c\u300d\u300e\u300f\u3010\u3011\u300a\u300b\u2192\u2190"
    "\u00d7\u2248"
)
_MARKS = _ASCII_MARKS + _OTHER_MARKS
_SPACES = " " * len(_MARKS.replace("''", "'").replace("%%", "%"))

# No word has the sign that begins an owner's. A text longer than a vector of words can hold is found by its beginning.
_POSTGRES = (
    f"""
    CREATE FUNCTION plain_words(said text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT translate(left(said, 100000), '{_MARKS}', '{_SPACES}')
    $$
    """,
    """
    CREATE FUNCTION words_asked(owner text, whole text[], begun text[]) RETURNS tsquery LANGUAGE plpgsql
    IMMUTABLE PARALLEL SAFE AS $$
    DECLARE
        asked tsquery := ('''@' || owner || '''')::tsquery;
        one tsquery;
        piece text;
    BEGIN
        FOREACH piece IN ARRAY whole LOOP
            asked := asked && phraseto_tsquery('simple', plain_words(piece));
        END LOOP;
        FOREACH piece IN ARRAY begun LOOP
            one := phraseto_tsquery('simple', plain_words(piece));
            IF numnode(one) > 0 THEN
                asked := asked && (one::text || ':*')::tsquery;
            END IF;
        END LOOP;
        RETURN asked;
    END $$
    """,
    """
    CREATE TABLE message_words (
        number bigserial CONSTRAINT pk_message_words PRIMARY KEY,
        message_id varchar NOT NULL CONSTRAINT uq_message_words_message_id UNIQUE,
        conversation_id varchar NOT NULL,
        user_id varchar NOT NULL,
        words tsvector NOT NULL
    )
    """,
    """
    CREATE FUNCTION keep_message_words() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' OR NEW.text = '' THEN
            DELETE FROM message_words WHERE message_id = OLD.id;
            RETURN NULL;
        END IF;
        INSERT INTO message_words (message_id, conversation_id, user_id, words)
        SELECT NEW.id, c.id, c.user_id,
            to_tsvector('simple', plain_words(NEW.text)) || array_to_tsvector(ARRAY['@' || c.user_id])
        FROM conversations c WHERE c.id = NEW.conversation_id
        ON CONFLICT (message_id) DO UPDATE SET words = excluded.words;
        RETURN NULL;
    END $$
    """,
    """
    INSERT INTO message_words (message_id, conversation_id, user_id, words)
    SELECT m.id, c.id, c.user_id,
        to_tsvector('simple', plain_words(m.text)) || array_to_tsvector(ARRAY['@' || c.user_id])
    FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.text <> '' ORDER BY m.id
    """,
    # What was just written waits in a short list that every search reads whole: a longer one would slow them.
    "CREATE INDEX ix_message_words_words ON message_words USING gin (words) WITH (gin_pending_list_limit = 1024)",
    "CREATE INDEX ix_message_words_user_id_number ON message_words (user_id, number)",
    """
    CREATE TRIGGER message_words_inserted AFTER INSERT ON messages
    FOR EACH ROW WHEN (NEW.text <> '') EXECUTE FUNCTION keep_message_words()
    """,
    """
    CREATE TRIGGER message_words_updated AFTER UPDATE OF text ON messages
    FOR EACH ROW WHEN (NEW.text IS DISTINCT FROM OLD.text) EXECUTE FUNCTION keep_message_words()
    """,
    """
    CREATE TRIGGER message_words_deleted AFTER DELETE ON messages
    FOR EACH ROW EXECUTE FUNCTION keep_message_words()
    """,
)

_NUMBERED = """
    INSERT INTO message_words (message_id, conversation_id, user_id)
    SELECT new.id, c.id, c.user_id FROM conversations c WHERE c.id = new.conversation_id AND new.text <> ''
"""
_WRITTEN = """
    INSERT INTO message_words_fts (rowid, text, owner)
    SELECT w.number, new.text, hex(w.user_id) FROM message_words w WHERE w.message_id = new.id
"""
# The full-text table keeps no text of its own: it is told what it was given.
_TAKEN_BACK = """
    INSERT INTO message_words_fts (message_words_fts, rowid, text, owner)
    SELECT 'delete', w.number, old.text, hex(w.user_id) FROM message_words w WHERE w.message_id = old.id;
    DELETE FROM message_words WHERE message_id = old.id
"""
_SQLITE = (
    """
    CREATE TABLE message_words (
        number INTEGER CONSTRAINT pk_message_words PRIMARY KEY,
        message_id VARCHAR NOT NULL CONSTRAINT uq_message_words_message_id UNIQUE,
        conversation_id VARCHAR NOT NULL,
        user_id VARCHAR NOT NULL
    )
    """,
    "CREATE INDEX ix_message_words_user_id_number ON message_words (user_id, number)",
    """
    CREATE VIRTUAL TABLE message_words_fts USING fts5(
        text, owner, content='', columnsize=0, prefix='2 3', tokenize='unicode61 remove_diacritics 0'
    )
    """,
    """
    INSERT INTO message_words (message_id, conversation_id, user_id)
    SELECT m.id, c.id, c.user_id FROM messages m JOIN conversations c ON c.id = m.conversation_id
    WHERE m.text <> '' ORDER BY m.id
    """,
    """
    INSERT INTO message_words_fts (rowid, text, owner)
    SELECT w.number, m.text, hex(w.user_id) FROM message_words w JOIN messages m ON m.id = w.message_id
    ORDER BY w.number
    """,
    f"CREATE TRIGGER message_words_inserted AFTER INSERT ON messages BEGIN {_NUMBERED}; {_WRITTEN}; END",
    f"""
    CREATE TRIGGER message_words_updated AFTER UPDATE OF text ON messages WHEN new.text IS NOT old.text
    BEGIN {_TAKEN_BACK}; {_NUMBERED}; {_WRITTEN}; END
    """,
    f"CREATE TRIGGER message_words_deleted BEFORE DELETE ON messages BEGIN {_TAKEN_BACK}; END",
)


def upgrade() -> None:
    """Apply."""
    for name in ("pinned_at", "archived_at"):
        op.add_column("conversations", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.drop_index("ix_conversations_user_id_updated_at", "conversations")
    for name, columns, which in (
        ("kept", ["user_id", "updated_at", "id"], "deleted_at IS NULL"),
        ("archived", ["user_id", "updated_at", "id"], "archived_at IS NOT NULL"),
        ("trash", ["user_id", "deleted_at", "id"], "deleted_at IS NOT NULL"),
        ("pinned", ["user_id", "pinned_at"], "pinned_at IS NOT NULL"),
    ):
        where = sa.text(which)
        op.create_index(
            f"ix_conversations_{name}", "conversations", columns, postgresql_where=where, sqlite_where=where
        )
    connection = op.get_bind()
    for statement in _POSTGRES if connection.dialect.name == "postgresql" else _SQLITE:
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    """Take back."""
    connection = op.get_bind()
    on_postgres = connection.dialect.name == "postgresql"
    for name in ("inserted", "updated", "deleted"):
        op.execute(f"DROP TRIGGER message_words_{name}" + (" ON messages" if on_postgres else ""))
    op.execute("DROP TABLE message_words")
    if on_postgres:
        for function in ("keep_message_words()", "words_asked(text, text[], text[])", "plain_words(text)"):
            op.execute(f"DROP FUNCTION {function}")
    else:
        op.execute("DROP TABLE message_words_fts")
    for name in ("kept", "archived", "trash", "pinned"):
        op.drop_index(f"ix_conversations_{name}", "conversations")
    op.create_index("ix_conversations_user_id_updated_at", "conversations", ["user_id", "updated_at"])
    for name in ("archived_at", "pinned_at"):
        op.drop_column("conversations", name)
