"""Opening one plain turn alone, on Postgres: what ``quick_open`` does for many, for a batch of one.

Most turns of a quiet hour come alone, and somebody waits for each. A statement over sets costs as much for one as for
five, nearly all of it for getting ready; step by step one costs a third. Row for row and answer for answer the two are
the same, locks and their order included.
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_HEAD = """(batch jsonb)
RETURNS TABLE (n bigint, outcome text, entry_id text, posted_nanos bigint, held_nanos bigint)
LANGUAGE plpgsql
SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
"""

_OPEN_ALONE = """
DECLARE
    asked record;
    hold_id text;
    paying text;
    debt_of text;
    amount bigint;
    fewest bigint;
    locked boolean := false;
    placed boolean := false;
    posted bigint;
    held bigint;
    known_state text;
    known_hold text;
    verdict text;
    today timestamptz := date_trunc('day', clock_timestamp(), 'UTC');
BEGIN
    SELECT * INTO asked FROM jsonb_to_record(batch->0) AS r(
        n bigint, id text, user_id text, conversation_id text, title text, input_hash text, source text,
        provider text, model text, funding text, price_version integer, max_output_tokens integer,
        input_estimate integer, api_key_id text, created_at timestamptz, lease_seconds double precision,
        most_running integer, most_lost_nanos bigint, most_stopped integer,
        prompt_id text, prompt text, reply_id text, hold jsonb);
    n := asked.n;
    IF asked.hold IS NOT NULL THEN
        hold_id := asked.hold->>'id';
        paying := asked.hold->>'account_id';
        debt_of := asked.hold->>'debt_id';
        amount := (asked.hold->>'amount_nanos')::bigint;
        fewest := (asked.hold->>'least_nanos')::bigint;
        -- Before anything is read, so that nobody else opens or charges between the judgement and the hold.
        SELECT a.posted_nanos, a.held_nanos INTO posted, held FROM ledger_accounts a WHERE a.id = paying
            FOR NO KEY UPDATE SKIP LOCKED;
        locked := FOUND;
    END IF;
    IF asked.conversation_id IS NOT NULL AND asked.title IS NULL THEN
        PERFORM FROM conversations c WHERE c.id = asked.conversation_id FOR NO KEY UPDATE SKIP LOCKED;
        placed := FOUND;
    END IF;
    SELECT t.state, t.hold_id INTO known_state, known_hold FROM turns t WHERE t.id = asked.id;
    IF FOUND THEN
        outcome := CASE WHEN known_hold IS DISTINCT FROM hold_id THEN 'not_plain'
            WHEN known_state IN ('held', 'streaming') THEN 'done' ELSE 'gone' END;
        IF NOT locked THEN
            SELECT a.posted_nanos, a.held_nanos INTO posted, held FROM ledger_accounts a WHERE a.id = paying;
        END IF;
        posted_nanos := posted;
        held_nanos := held;
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT CASE
        WHEN hold_id IS NOT NULL AND NOT locked THEN 'busy'
        WHEN asked.price_version IS DISTINCT FROM (SELECT v.version FROM price_card_versions v
            WHERE v.effective_at <= clock_timestamp() ORDER BY v.effective_at DESC, v.version DESC LIMIT 1)
            THEN 'not_plain'
        WHEN COALESCE((SELECT p.api_key_mode FROM preferences p WHERE p.user_id = asked.user_id), 'own')
            <> CASE WHEN asked.funding = 'own_key' THEN 'own' ELSE 'credits' END THEN 'not_plain'
        WHEN asked.api_key_id IS NOT NULL AND NOT EXISTS (SELECT FROM api_keys k WHERE k.id = asked.api_key_id
            AND k.user_id = asked.user_id AND k.revoked_at IS NULL AND k.limit_day_nanos IS NULL
            AND k.limit_month_nanos IS NULL AND k.limit_total_nanos IS NULL) THEN 'not_plain'
        WHEN asked.conversation_id IS NOT NULL AND asked.title IS NULL AND NOT EXISTS (SELECT FROM conversations c
            WHERE c.id = asked.conversation_id AND c.user_id = asked.user_id AND c.deleted_at IS NULL)
            THEN 'not_plain'
        WHEN asked.conversation_id IS NOT NULL AND asked.title IS NULL AND NOT placed THEN 'busy'
        WHEN 1 + (SELECT count(*) FROM turns t WHERE t.user_id = asked.user_id
            AND t.state IN ('held', 'streaming')) > asked.most_running THEN 'not_plain'
        WHEN asked.funding <> 'credits' THEN NULL
        WHEN EXISTS (SELECT FROM spending_caps s WHERE s.user_id = asked.user_id) THEN 'not_plain'
        WHEN (SELECT COALESCE(sum(u.provider_cost_nanos), 0) FROM usage_records u
            WHERE u.user_id = asked.user_id AND u.funding = 'credits' AND u.charged_nanos = 0
            AND u.created_at >= today) >= asked.most_lost_nanos THEN 'not_plain'
        WHEN (SELECT count(*) FROM turns t WHERE t.state = 'voided' AND t.lease_until >= today
            AND t.user_id = asked.user_id AND t.completion = 'stopped' AND t.funding = 'credits')
            >= asked.most_stopped THEN 'not_plain'
        WHEN EXISTS (SELECT FROM ledger_accounts d WHERE d.id = debt_of AND d.posted_nanos < 0) THEN 'not_plain'
        WHEN posted - held < GREATEST(amount, fewest) THEN 'not_plain'
        WHEN EXISTS (SELECT FROM holds h WHERE h.idempotency_key = asked.hold->>'idempotency_key') THEN 'not_plain'
    END INTO verdict;
    IF verdict IS NOT NULL THEN
        outcome := verdict;
        RETURN NEXT;
        RETURN;
    END IF;
    IF hold_id IS NOT NULL THEN
        INSERT INTO holds (id, account_id, amount_nanos, state, captured_nanos, idempotency_key, input_hash, cause,
            created_at, expires_at)
        VALUES (hold_id, paying, amount, 'held', 0, asked.hold->>'idempotency_key', asked.hold->>'input_hash',
            asked.hold->>'cause', (asked.hold->>'created_at')::timestamptz, (asked.hold->>'expires_at')::timestamptz);
        UPDATE ledger_accounts a SET held_nanos = a.held_nanos + amount WHERE a.id = paying
            RETURNING a.posted_nanos, a.held_nanos INTO posted, held;
    END IF;
    IF asked.title IS NOT NULL THEN
        INSERT INTO conversations (id, user_id, title, title_by, created_at, updated_at)
        VALUES (asked.conversation_id, asked.user_id, asked.title, 'first_line', asked.created_at, asked.created_at);
    ELSIF asked.reply_id IS NOT NULL THEN
        UPDATE conversations c SET updated_at = asked.created_at WHERE c.id = asked.conversation_id;
    END IF;
    IF asked.reply_id IS NOT NULL THEN
        INSERT INTO messages (id, conversation_id, parent_id, role, text, turn_id, created_at) VALUES
            (asked.prompt_id, asked.conversation_id, NULL, 'user', asked.prompt, NULL, asked.created_at),
            (asked.reply_id, asked.conversation_id, asked.prompt_id, 'assistant', '', asked.id, asked.created_at);
    END IF;
    INSERT INTO turns (id, user_id, conversation_id, input_hash, source, provider, model, funding, price_version,
        state, max_output_tokens, clamped, input_estimate, hold_id, held_nanos, text, lease_until, stop_requested,
        api_key_id, created_at)
    VALUES (asked.id, asked.user_id, asked.conversation_id, asked.input_hash, asked.source, asked.provider,
        asked.model, asked.funding, asked.price_version, 'held', asked.max_output_tokens, false,
        asked.input_estimate, hold_id, COALESCE(amount, 0), '',
        clock_timestamp() + make_interval(secs => asked.lease_seconds), false, asked.api_key_id, asked.created_at);
    outcome := 'done';
    posted_nanos := posted;
    held_nanos := held;
    RETURN NEXT;
END $$
"""


def upgrade() -> None:
    """Apply."""
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(f"CREATE FUNCTION quick_open_alone{_HEAD}{_OPEN_ALONE}")


def downgrade() -> None:
    """Take back."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION quick_open_alone(jsonb)")
