"""The quick path's functions: many plain replies opened or settled in one statement, on Postgres only.

Each takes a JSON array and answers one row for each element: ``done``, ``gone`` (somebody else had resolved it),
``busy`` (somebody holds a row of it at this moment) or ``not_plain``. Nothing is written for what is not ``done``. No
function waits for a row: what is locked elsewhere is passed over. Within a call rows are locked in the order turns,
holds, accounts, conversations, each by id, and what is judged is read after they are locked.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Small batches against large tables: whatever the planner believes of either when it makes its one plan, every row is
# to be found by an index. `OFFSET 0` keeps a lookup for each item, and `= ANY` of what was locked is an index's key.
_HEAD = """(batch jsonb)
RETURNS TABLE (n bigint, outcome text, entry_id text, posted_nanos bigint, held_nanos bigint)
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
"""

_AUTHORIZE = """
DECLARE
    mine text[];
BEGIN
    SELECT array_agg(locked.id) INTO mine FROM (
        SELECT a.id FROM ledger_accounts a
        WHERE a.id = ANY (ARRAY(SELECT i.value->>'account_id' FROM jsonb_array_elements(batch) i))
        ORDER BY a.id FOR NO KEY UPDATE SKIP LOCKED
    ) locked;
    RETURN QUERY
    WITH item AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(batch) AS i(
            n bigint, id text, account_id text, debt_id text, amount_nanos bigint, least_nanos bigint,
            idempotency_key text, input_hash text, cause text, created_at timestamptz, expires_at timestamptz)
    ), seen AS MATERIALIZED (
        SELECT i.*, a.posted_nanos AS posted, a.held_nanos AS held,
            CASE
                WHEN known.id = i.id THEN 'done'
                WHEN known.id IS NOT NULL OR a.id IS NULL THEN 'not_plain'
                WHEN a.id <> ALL (COALESCE(mine, '{}')) THEN 'busy'
                WHEN debt.posted_nanos < 0 THEN 'not_plain'
            END AS verdict
        FROM item i
        LEFT JOIN LATERAL (SELECT * FROM ledger_accounts WHERE id = i.account_id OFFSET 0) a ON true
        LEFT JOIN LATERAL (SELECT * FROM ledger_accounts WHERE id = i.debt_id OFFSET 0) debt ON true
        LEFT JOIN LATERAL (SELECT id FROM holds WHERE idempotency_key = i.idempotency_key OFFSET 0) known ON true
    ), counted AS (
        SELECT s.*, (sum(s.amount_nanos) FILTER (WHERE s.verdict IS NULL)
            OVER (PARTITION BY s.account_id ORDER BY s.n))::bigint AS upto
        FROM seen s
    ), judged AS MATERIALIZED (
        -- What was refused before counts against what follows: whoever is refused for it is judged again elsewhere.
        SELECT c.*, c.verdict IS NULL
            AND c.posted - c.held - c.upto + c.amount_nanos >= GREATEST(c.amount_nanos, c.least_nanos) AS fits
        FROM counted c
    ), put AS (
        INSERT INTO holds (id, account_id, amount_nanos, state, captured_nanos, idempotency_key, input_hash, cause,
            created_at, expires_at)
        SELECT j.id, j.account_id, j.amount_nanos, 'held', 0, j.idempotency_key, j.input_hash, j.cause,
            j.created_at, j.expires_at
        FROM judged j WHERE j.fits ORDER BY j.n
    ), changed AS (
        UPDATE ledger_accounts a SET held_nanos = a.held_nanos + t.amount
        FROM (SELECT j.account_id, sum(j.amount_nanos)::bigint AS amount FROM judged j WHERE j.fits GROUP BY 1) t
        WHERE a.id = t.account_id AND a.id = ANY (mine)
        RETURNING a.id, a.posted_nanos, a.held_nanos
    )
    SELECT j.n, CASE WHEN j.fits THEN 'done' ELSE COALESCE(j.verdict, 'not_plain') END, NULL::text,
        COALESCE(c.posted_nanos, j.posted), COALESCE(c.held_nanos, j.held)
    FROM judged j LEFT JOIN changed c ON c.id = j.account_id;
END $$
"""

_CAPTURE = """
DECLARE
    mine text[];
    found text[];
BEGIN
    SELECT array_agg(locked.id) INTO found FROM (
        SELECT h.id FROM holds h
        WHERE h.id = ANY (ARRAY(SELECT i.value->>'hold_id' FROM jsonb_array_elements(batch) i))
        ORDER BY h.id FOR NO KEY UPDATE SKIP LOCKED
    ) locked;
    SELECT array_agg(locked.id) INTO mine FROM (
        SELECT a.id FROM ledger_accounts a
        WHERE a.id = ANY (ARRAY(SELECT i.value->>'account_id' FROM jsonb_array_elements(batch) i))
        ORDER BY a.id FOR NO KEY UPDATE SKIP LOCKED
    ) locked;
    RETURN QUERY
    WITH item AS MATERIALIZED (
        SELECT i.*, row_number() OVER (PARTITION BY i.hold_id ORDER BY i.n) AS time
        FROM jsonb_to_recordset(batch) AS i(
            n bigint, hold_id text, account_id text, debt_id text, amount_nanos bigint, warn_below_nanos bigint,
            entry_id text, input_hash text, moment timestamptz)
    ), seen AS MATERIALIZED (
        SELECT i.*, h.amount_nanos AS reserved, h.cause,
            a.posted_nanos AS posted, a.held_nanos AS held,
            CASE
                WHEN h.id IS NULL OR h.account_id <> i.account_id OR i.amount_nanos < 0
                    OR i.amount_nanos > h.amount_nanos THEN 'not_plain'
                WHEN h.captured_nanos = i.amount_nanos
                    AND h.state = CASE WHEN i.amount_nanos > 0 THEN 'captured' ELSE 'voided' END THEN 'done'
                WHEN h.state <> 'held' THEN 'gone'
                WHEN i.time > 1 OR h.id <> ALL (COALESCE(found, '{}'))
                    OR a.id <> ALL (COALESCE(mine, '{}')) THEN 'busy'
                WHEN debt.posted_nanos < 0 THEN 'not_plain'
            END AS verdict
        FROM item i
        LEFT JOIN LATERAL (SELECT * FROM holds WHERE id = i.hold_id OFFSET 0) h ON true
        LEFT JOIN LATERAL (SELECT * FROM ledger_accounts WHERE id = i.account_id OFFSET 0) a ON true
        LEFT JOIN LATERAL (SELECT * FROM ledger_accounts WHERE id = i.debt_id OFFSET 0) debt ON true
    ), lot AS MATERIALIZED (
        SELECT l.id, l.account_id, l.remaining_nanos,
            row_number() OVER spent_in_order AS place,
            (sum(l.remaining_nanos) OVER spent_in_order)::bigint AS upto
        FROM (SELECT DISTINCT s.account_id FROM seen s WHERE s.verdict IS NULL AND s.amount_nanos > 0) spender
        CROSS JOIN LATERAL (SELECT * FROM credit_lots WHERE account_id = spender.account_id AND remaining_nanos > 0
            OFFSET 0) l
        WINDOW spent_in_order AS (PARTITION BY l.account_id
            ORDER BY (l.kind = 'paid'), (l.expires_at IS NULL), l.expires_at, l.id ROWS UNBOUNDED PRECEDING)
    ), counted AS (
        SELECT s.*, (sum(s.amount_nanos) FILTER (WHERE s.verdict IS NULL)
            OVER (PARTITION BY s.account_id ORDER BY s.n))::bigint AS upto
        FROM seen s
    ), judged AS MATERIALIZED (
        -- From the charge on that must be told of by mail, or that the lots do not cover, none of the account is plain.
        SELECT c.*, c.verdict IS NULL
            AND NOT COALESCE(c.posted >= c.warn_below_nanos AND c.posted - c.upto < c.warn_below_nanos, false)
            AND c.upto <= COALESCE((SELECT max(l.upto) FROM lot l WHERE l.account_id = c.account_id), 0) AS fits
        FROM counted c
    ), good AS MATERIALIZED (
        SELECT j.*, (sum(j.amount_nanos) OVER (PARTITION BY j.account_id ORDER BY j.n))::bigint AS drawn
        FROM judged j WHERE j.fits
    ), resolved AS (
        UPDATE holds h SET state = CASE WHEN g.amount_nanos > 0 THEN 'captured' ELSE 'voided' END,
            captured_nanos = g.amount_nanos, resolved_at = g.moment
        FROM good g WHERE h.id = g.hold_id AND h.id = ANY (found)
    ), entries AS (
        INSERT INTO journal_entries (id, kind, idempotency_key, input_hash, cause, created_at)
        SELECT g.entry_id, 'capture', 'capture:' || g.hold_id, g.input_hash, g.cause, g.moment
        FROM good g WHERE g.amount_nanos > 0 ORDER BY g.n
    ), lines AS (
        INSERT INTO postings (entry_id, account_id, amount_nanos, balance_nanos)
        SELECT g.entry_id, line.account_id, line.amount_nanos, line.balance_nanos
        FROM good g CROSS JOIN LATERAL (VALUES
            (1, 'platform:earnings', g.amount_nanos, NULL::bigint),
            (2, g.account_id, -g.amount_nanos, g.posted - g.drawn)
        ) AS line(place, account_id, amount_nanos, balance_nanos)
        WHERE g.amount_nanos > 0 ORDER BY g.n, line.place
    ), taken AS MATERIALIZED (
        SELECT g.n, g.entry_id, l.id AS lot_id, l.place, LEAST(l.upto, g.drawn)
            - GREATEST(l.upto - l.remaining_nanos, g.drawn - g.amount_nanos) AS amount_nanos
        -- Of what is only released nothing is taken.
        FROM good g JOIN lot l ON g.amount_nanos > 0 AND l.account_id = g.account_id
            AND l.upto > g.drawn - g.amount_nanos AND l.upto - l.remaining_nanos < g.drawn
    ), moved AS (
        INSERT INTO lot_movements (lot_id, entry_id, amount_nanos)
        SELECT t.lot_id, t.entry_id, -t.amount_nanos FROM taken t ORDER BY t.n, t.place
    ), drained AS (
        UPDATE credit_lots l SET remaining_nanos = l.remaining_nanos - t.amount
        FROM (SELECT lot_id, sum(amount_nanos)::bigint AS amount FROM taken GROUP BY 1) t
        WHERE l.id = t.lot_id AND l.account_id = ANY (mine) AND l.remaining_nanos > 0
    ), changed AS (
        UPDATE ledger_accounts a SET posted_nanos = a.posted_nanos - t.amount, held_nanos = a.held_nanos - t.reserved,
            spent_nanos = a.spent_nanos + t.amount
        FROM (SELECT g.account_id, sum(g.amount_nanos)::bigint AS amount, sum(g.reserved)::bigint AS reserved
            FROM good g GROUP BY 1) t
        WHERE a.id = t.account_id AND a.id = ANY (mine)
        RETURNING a.id, a.posted_nanos, a.held_nanos
    )
    SELECT j.n, CASE WHEN j.fits THEN 'done' ELSE COALESCE(j.verdict, 'not_plain') END,
        (CASE WHEN j.fits AND j.amount_nanos > 0 THEN j.entry_id
            WHEN j.verdict = 'done' THEN (SELECT e.id FROM journal_entries e
                WHERE e.idempotency_key = 'capture:' || j.hold_id) END)::text,
        COALESCE(c.posted_nanos, j.posted), COALESCE(c.held_nanos, j.held)
    FROM judged j LEFT JOIN changed c ON c.id = j.account_id;
END $$
"""

_OPEN = """
DECLARE
    paying text[];
    mine text[];
    in_force integer;
    today timestamptz := date_trunc('day', clock_timestamp(), 'UTC');
BEGIN
    -- Locked before anything is read, so that nobody else opens or charges between the judgement and the hold.
    SELECT array_agg(locked.id) INTO paying FROM (
        SELECT a.id FROM ledger_accounts a
        WHERE a.id = ANY (ARRAY(SELECT i.value->'hold'->>'account_id' FROM jsonb_array_elements(batch) i))
        ORDER BY a.id FOR NO KEY UPDATE SKIP LOCKED
    ) locked;
    SELECT array_agg(locked.id) INTO mine FROM (
        SELECT c.id FROM conversations c
        WHERE c.id = ANY (ARRAY(SELECT i.value->>'conversation_id' FROM jsonb_array_elements(batch) i))
        ORDER BY c.id FOR NO KEY UPDATE SKIP LOCKED
    ) locked;
    SELECT v.version INTO in_force FROM price_card_versions v WHERE v.effective_at <= clock_timestamp()
        ORDER BY v.effective_at DESC, v.version DESC LIMIT 1;
    RETURN QUERY
    WITH item AS MATERIALIZED (
        SELECT i.*, row_number() OVER (PARTITION BY i.user_id ORDER BY i.n) AS place
        FROM jsonb_to_recordset(batch) AS i(
            n bigint, id text, user_id text, conversation_id text, title text, input_hash text, source text,
            provider text, model text, funding text, price_version integer, max_output_tokens integer,
            input_estimate integer, api_key_id text, created_at timestamptz, lease_seconds double precision,
            most_running integer, most_lost_nanos bigint, most_stopped integer,
            prompt_id text, prompt text, reply_id text, hold jsonb)
    ), judged AS MATERIALIZED (
        SELECT i.*,
            CASE
                WHEN known.hold_id IS DISTINCT FROM i.hold->>'id' AND known.id IS NOT NULL THEN 'not_plain'
                WHEN known.id IS NOT NULL THEN CASE WHEN known.state IN ('held', 'streaming')
                    THEN 'done' ELSE 'gone' END
                WHEN i.hold IS NOT NULL AND i.hold->>'account_id' <> ALL (COALESCE(paying, '{}')) THEN 'busy'
                WHEN i.price_version IS DISTINCT FROM in_force THEN 'not_plain'
                WHEN COALESCE((SELECT p.api_key_mode FROM preferences p WHERE p.user_id = i.user_id), 'own')
                    <> CASE WHEN i.funding = 'own_key' THEN 'own' ELSE 'credits' END THEN 'not_plain'
                WHEN i.api_key_id IS NOT NULL AND NOT EXISTS (SELECT FROM api_keys k WHERE k.id = i.api_key_id
                    AND k.user_id = i.user_id AND k.revoked_at IS NULL AND k.limit_day_nanos IS NULL
                    AND k.limit_month_nanos IS NULL AND k.limit_total_nanos IS NULL) THEN 'not_plain'
                WHEN i.conversation_id IS NOT NULL AND i.title IS NULL AND NOT EXISTS (SELECT FROM conversations c
                    WHERE c.id = i.conversation_id AND c.user_id = i.user_id AND c.deleted_at IS NULL)
                    THEN 'not_plain'
                -- Without a conversation nothing is to be locked; compared with no rows at all, NULL would differ.
                WHEN i.conversation_id IS NOT NULL AND i.title IS NULL
                    AND i.conversation_id <> ALL (COALESCE(mine, '{}')) THEN 'busy'
                WHEN i.place + (SELECT count(*) FROM turns t WHERE t.user_id = i.user_id
                    AND t.state IN ('held', 'streaming')) > i.most_running THEN 'not_plain'
                WHEN i.funding <> 'credits' THEN NULL
                WHEN EXISTS (SELECT FROM spending_caps s WHERE s.user_id = i.user_id) THEN 'not_plain'
                WHEN (SELECT COALESCE(sum(u.provider_cost_nanos), 0) FROM usage_records u
                    WHERE u.user_id = i.user_id AND u.funding = 'credits' AND u.charged_nanos = 0
                    AND u.created_at >= today) >= i.most_lost_nanos THEN 'not_plain'
                WHEN (SELECT count(*) FROM turns t WHERE t.state = 'voided' AND t.lease_until >= today
                    AND t.user_id = i.user_id AND t.completion = 'stopped' AND t.funding = 'credits')
                    >= i.most_stopped THEN 'not_plain'
            END AS verdict
        FROM item i
        LEFT JOIN LATERAL (SELECT id, state, hold_id FROM turns WHERE id = i.id OFFSET 0) known ON true
    ), paid AS MATERIALIZED (
        SELECT * FROM quick_authorize((SELECT jsonb_agg(j.hold ORDER BY j.n) FROM judged j
            WHERE j.verdict IS NULL AND j.funding = 'credits'))
    ), final AS MATERIALIZED (
        SELECT j.*, COALESCE(j.verdict, p.outcome, 'done') AS outcome, p.posted_nanos, p.held_nanos,
            j.verdict IS NULL AND COALESCE(p.outcome, 'done') = 'done' AS fresh
        FROM judged j LEFT JOIN paid p ON p.n = j.n
    ), begun AS (
        INSERT INTO conversations (id, user_id, title, title_by, created_at, updated_at)
        SELECT f.conversation_id, f.user_id, f.title, 'first_line', f.created_at, f.created_at
        FROM final f WHERE f.fresh AND f.title IS NOT NULL
    ), continued AS (
        UPDATE conversations c SET updated_at = l.latest
        FROM (SELECT f.conversation_id, max(f.created_at) AS latest FROM final f
            WHERE f.fresh AND f.title IS NULL AND f.reply_id IS NOT NULL GROUP BY 1) l
        WHERE c.id = l.conversation_id AND c.id = ANY (mine)
    ), said AS (
        INSERT INTO messages (id, conversation_id, parent_id, role, text, turn_id, created_at)
        SELECT m.id, f.conversation_id, m.parent_id, m.role, m.text, m.turn_id, f.created_at
        FROM final f CROSS JOIN LATERAL (VALUES
            (1, f.prompt_id, NULL, 'user', f.prompt, NULL),
            (2, f.reply_id, f.prompt_id, 'assistant', '', f.id)
        ) AS m(place, id, parent_id, role, text, turn_id)
        WHERE f.fresh AND f.reply_id IS NOT NULL ORDER BY f.n, m.place
    ), put AS (
        INSERT INTO turns (id, user_id, conversation_id, input_hash, source, provider, model, funding, price_version,
            state, max_output_tokens, clamped, input_estimate, hold_id, held_nanos, text, lease_until, stop_requested,
            api_key_id, created_at)
        SELECT f.id, f.user_id, f.conversation_id, f.input_hash, f.source, f.provider, f.model, f.funding,
            f.price_version, 'held', f.max_output_tokens, false, f.input_estimate, f.hold->>'id',
            COALESCE((f.hold->>'amount_nanos')::bigint, 0), '',
            clock_timestamp() + make_interval(secs => f.lease_seconds), false, f.api_key_id, f.created_at
        FROM final f WHERE f.fresh ORDER BY f.n
    )
    SELECT f.n, f.outcome, NULL::text, COALESCE(f.posted_nanos, a.posted_nanos), COALESCE(f.held_nanos, a.held_nanos)
    FROM final f LEFT JOIN LATERAL (SELECT * FROM ledger_accounts WHERE id = f.hold->>'account_id' OFFSET 0) a ON true;
END $$
"""

_SETTLE = """
DECLARE
    mine text[];
BEGIN
    SELECT array_agg(locked.id) INTO mine FROM (
        SELECT t.id FROM turns t
        WHERE t.id = ANY (ARRAY(SELECT i.value->>'turn_id' FROM jsonb_array_elements(batch) i))
        ORDER BY t.id FOR NO KEY UPDATE SKIP LOCKED
    ) locked;
    RETURN QUERY
    WITH item AS MATERIALIZED (
        SELECT i.*, row_number() OVER (PARTITION BY i.turn_id ORDER BY i.n) AS time
        FROM jsonb_to_recordset(batch) AS i(
            n bigint, turn_id text, state text, completion text, text text, usage_json text, error_code text,
            error_message text, ended_at timestamptz, usage_id text, input_tokens integer, cache_read_tokens integer,
            cache_write_5m_tokens integer, cache_write_1h_tokens integer, output_tokens integer,
            reasoning_tokens integer, web_searches integer, estimated boolean, flagged boolean,
            provider_cost_nanos bigint, charged_nanos bigint, capture jsonb)
    ), judged AS MATERIALIZED (
        SELECT i.*, t.user_id, t.conversation_id, t.provider, t.model, t.source, t.funding, t.price_version, t.hold_id,
            t.api_key_id, known.entry_id AS known_entry_id, (known.id = i.usage_id) IS TRUE AS ours,
            CASE
                WHEN t.id IS NULL THEN 'not_plain'
                WHEN t.state NOT IN ('held', 'streaming') THEN CASE WHEN known.id = i.usage_id
                    THEN 'done' ELSE 'gone' END
                WHEN i.time > 1 OR t.id <> ALL (COALESCE(mine, '{}')) THEN 'busy'
                WHEN t.hold_id IS DISTINCT FROM i.capture->>'hold_id' THEN 'not_plain'
                WHEN i.charged_nanos > 0 AND (
                    EXISTS (SELECT FROM spending_caps s WHERE s.user_id = t.user_id)
                    OR EXISTS (SELECT FROM api_keys k WHERE k.id = t.api_key_id AND (k.limit_day_nanos IS NOT NULL
                        OR k.limit_month_nanos IS NOT NULL OR k.limit_total_nanos IS NOT NULL))
                ) THEN 'not_plain'
            END AS verdict
        FROM item i
        LEFT JOIN LATERAL (SELECT * FROM turns WHERE id = i.turn_id OFFSET 0) t ON true
        LEFT JOIN LATERAL (SELECT id, entry_id FROM usage_records WHERE turn_id = i.turn_id OFFSET 0) known ON true
    ), paid AS MATERIALIZED (
        SELECT * FROM quick_capture((SELECT jsonb_agg(j.capture ORDER BY j.n) FROM judged j
            WHERE j.verdict IS NULL AND j.hold_id IS NOT NULL))
    ), final AS MATERIALIZED (
        SELECT j.*, CASE WHEN j.verdict IS NULL AND p.outcome = 'gone' THEN 'not_plain'
                ELSE COALESCE(j.verdict, p.outcome, 'done') END AS outcome,
            p.entry_id, p.posted_nanos, p.held_nanos,
            j.verdict IS NULL AND COALESCE(p.outcome, 'done') = 'done' AS fresh
        FROM judged j LEFT JOIN paid p ON p.n = j.n
    ), closed AS (
        UPDATE turns t SET state = f.state, completion = f.completion, text = f.text, usage_json = f.usage_json,
            error_code = f.error_code, error_message = f.error_message, ended_at = f.ended_at
        FROM final f WHERE f.fresh AND t.id = f.turn_id AND t.id = ANY (mine)
    ), used AS (
        INSERT INTO usage_records (id, turn_id, user_id, conversation_id, provider, model, source, funding,
            input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens,
            reasoning_tokens, web_searches, estimated, flagged, provider_cost_nanos, charged_nanos, uncollected_nanos,
            price_version, hold_id, entry_id, api_key_id, created_at)
        SELECT f.usage_id, f.turn_id, f.user_id, f.conversation_id, f.provider, f.model, f.source, f.funding,
            f.input_tokens, f.cache_read_tokens, f.cache_write_5m_tokens, f.cache_write_1h_tokens, f.output_tokens,
            f.reasoning_tokens, f.web_searches, f.estimated, f.flagged, f.provider_cost_nanos, f.charged_nanos, 0,
            f.price_version, f.hold_id, f.entry_id, f.api_key_id, clock_timestamp()
        FROM final f WHERE f.fresh AND f.usage_id IS NOT NULL ORDER BY f.n
    ), written AS (
        UPDATE messages m SET text = f.text
        FROM final f WHERE f.fresh AND m.turn_id = f.turn_id AND m.turn_id = ANY (mine)
    )
    SELECT f.n, f.outcome, COALESCE(f.entry_id, CASE WHEN f.ours THEN f.known_entry_id END)::text,
        COALESCE(f.posted_nanos, a.posted_nanos), COALESCE(f.held_nanos, a.held_nanos)
    FROM final f
    LEFT JOIN LATERAL (SELECT * FROM ledger_accounts WHERE id = f.capture->>'account_id' OFFSET 0) a ON true;
END $$
"""

_FUNCTIONS = {
    "quick_authorize": _AUTHORIZE,
    "quick_capture": _CAPTURE,
    "quick_open": _OPEN,
    "quick_settle": _SETTLE,
}


def upgrade() -> None:
    """Apply."""
    if op.get_bind().dialect.name == "postgresql":
        for name, body in _FUNCTIONS.items():
            op.get_bind().exec_driver_sql(f"CREATE FUNCTION {name}{_HEAD}{body}")


def downgrade() -> None:
    """Take back."""
    if op.get_bind().dialect.name == "postgresql":
        for name in _FUNCTIONS:
            op.execute(f"DROP FUNCTION {name}(jsonb)")
