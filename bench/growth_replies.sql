-- The replies numbered first to last, each with its hold, turn, entry, postings, lot movement and usage record.
--
-- One in "every" is of person 1, the others go round; k is the how manyth of its person a reply is, from which the
-- running balance follows. Values: first, last, origin, start, step, begun, people, every, charge, held, grant.

CREATE TEMP TABLE reply ON COMMIT DROP AS
WITH numbered AS (
    SELECT
        n,
        CASE WHEN n %% %(every)s = 0 THEN 1 ELSE 2 + (n - n / %(every)s - 1) %% (%(people)s - 1) END AS u,
        CASE WHEN n %% %(every)s = 0 THEN n / %(every)s ELSE (n - n / %(every)s - 1) / (%(people)s - 1) END + 1 AS k,
        %(start)s::timestamptz + (n - %(origin)s) * %(step)s::interval AS at
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
)
SELECT
    n,
    k,
    at,
    pg_temp.person(u) AS person,
    'user:' || pg_temp.person(u) || ':credits' AS account,
    pg_temp.id_of('lot', %(begun)s, u) AS lot,
    pg_temp.id_of('turn', at, n) AS turn,
    pg_temp.id_of('hold', at, n) AS hold,
    pg_temp.id_of('je', at, n) AS entry,
    pg_temp.id_of('use', at, n) AS used,
    CASE n %% 3 WHEN 0 THEN 'anthropic' ELSE 'openai' END AS provider,
    CASE n %% 3 WHEN 0 THEN 'claude-sonnet-5-5' WHEN 1 THEN 'gpt-5.4-mini' ELSE 'gpt-6.1-terra' END AS model,
    CASE WHEN n %% 20 = 0 THEN 'summarize' ELSE 'chat' END AS source
FROM numbered;

INSERT INTO holds (
    id, account_id, amount_nanos, state, captured_nanos, idempotency_key, input_hash, cause,
    created_at, expires_at, resolved_at
)
SELECT
    hold, account, %(held)s, 'captured', %(charge)s, 'hold:' || turn, '', turn,
    at, at + interval '1 hour', at
FROM reply ORDER BY n;

INSERT INTO turns (
    id, user_id, input_hash, source, provider, model, funding, price_version, state, completion, max_output_tokens,
    clamped, input_estimate, hold_id, held_nanos, text, lease_until, stop_requested, created_at, ended_at
)
SELECT
    turn, person, '', source, provider, model, 'credits', 1, 'settled', 'complete', 256,
    false, 20, hold, %(held)s, '', at, false, at, at
FROM reply ORDER BY n;

INSERT INTO journal_entries (id, kind, idempotency_key, input_hash, cause, created_at)
SELECT entry, 'capture', 'capture:' || hold, '', turn, at FROM reply ORDER BY n;

INSERT INTO postings (entry_id, account_id, amount_nanos, balance_nanos)
SELECT
    entry,
    CASE side WHEN 1 THEN account ELSE 'platform:earnings' END,
    CASE side WHEN 1 THEN -%(charge)s ELSE %(charge)s END,
    CASE side WHEN 1 THEN %(grant)s - %(charge)s * k END
FROM reply CROSS JOIN (VALUES (1), (2)) AS sides (side) ORDER BY n, side;

INSERT INTO lot_movements (lot_id, entry_id, amount_nanos)
SELECT lot, entry, -%(charge)s FROM reply ORDER BY n;

INSERT INTO usage_records (
    id, turn_id, user_id, provider, model, source, funding, input_tokens, cache_read_tokens, cache_write_5m_tokens,
    cache_write_1h_tokens, output_tokens, reasoning_tokens, estimated, provider_cost_nanos, charged_nanos,
    uncollected_nanos, price_version, hold_id, entry_id, created_at
)
SELECT
    used, turn, person, provider, model, source, 'credits', 20, 0, 0,
    0, 50, 0, false, %(charge)s, %(charge)s,
    0, 1, hold, entry, at
FROM reply ORDER BY n;

UPDATE ledger_accounts a SET posted_nanos = a.posted_nanos - spent, spent_nanos = a.spent_nanos + spent
FROM (SELECT account, COUNT(*) * %(charge)s AS spent FROM reply GROUP BY account) AS r WHERE a.id = r.account;

UPDATE credit_lots l SET remaining_nanos = l.remaining_nanos - spent
FROM (SELECT lot, COUNT(*) * %(charge)s AS spent FROM reply GROUP BY lot) AS r WHERE l.id = r.lot;
