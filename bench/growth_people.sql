-- People with granted credit, at the beginning of a history. Values: start, people, grant.

CREATE TEMP TABLE member AS
SELECT
    n,
    pg_temp.person(n) AS id,
    %(start)s::timestamptz AS at,
    pg_temp.id_of('je', %(start)s, n) AS entry,
    pg_temp.id_of('lot', %(start)s, n) AS lot
FROM generate_series(1, %(people)s) AS n;

INSERT INTO users (id, email, created_at)
SELECT id, id || '@bench.example', at FROM member;

INSERT INTO preferences (user_id, api_key_mode, updated_at)
SELECT id, 'credits', at FROM member;

INSERT INTO ledger_accounts (id, user_id, kind, posted_nanos, held_nanos, spent_nanos, created_at)
SELECT 'user:' || id || ':' || kind, id, kind, CASE kind WHEN 'credits' THEN %(grant)s ELSE 0 END, 0, 0, at
FROM member CROSS JOIN (VALUES ('credits'), ('debt'), ('frozen')) AS kinds (kind);

INSERT INTO journal_entries (id, kind, idempotency_key, input_hash, cause, created_at)
SELECT entry, 'grant', 'grant:history:' || id, '', 'history', at FROM member ORDER BY n;

INSERT INTO postings (entry_id, account_id, amount_nanos, balance_nanos)
SELECT entry, 'user:' || id || ':credits', %(grant)s, %(grant)s FROM member ORDER BY n;

INSERT INTO postings (entry_id, account_id, amount_nanos)
SELECT entry, 'platform:promotions', -%(grant)s FROM member ORDER BY n;

INSERT INTO credit_lots (id, account_id, entry_id, kind, amount_nanos, remaining_nanos, created_at)
SELECT lot, 'user:' || id || ':credits', entry, 'promotional', %(grant)s, %(grant)s, at FROM member ORDER BY n;
