"""Every limit, wait and size of the product, each with its name. What an operator may change is in ``config``."""

# Sizes, in bytes unless the name says otherwise.
MAX_BODY_BYTES = 2_000_000
# What the socket takes is more, so that a message that is too large is refused in words.
MAX_SOCKET_BYTES = 4 * MAX_BODY_BYTES
MAX_WEBHOOK_BODY_BYTES = 262_144
MAX_SMALL_BODY_BYTES = 16_384
MAX_DROPPED_BYTES = 10_000_000
MAX_MESSAGES = 2_000
MAX_EMBEDDED_TEXTS = 64
MAX_TITLE_CHARS = 80
MAX_API_KEY_CHARS = 400
MAX_ID_CHARS = 100

# The meter.
DEFAULT_MODELS = ("claude-sonnet-5-5", "gpt-6.1-terra")
# Reasoning counts as output, so a reply needs more room than its text.
DEFAULT_MAX_TOKENS = 8_192
MIN_USEFUL_TOKENS = 256
MIN_AVAILABLE_NANOS = 100_000_000
LOW_BALANCE_NANOS = 5_000_000_000
MAX_CAP_USD = 10_000
# What a person may cost the house in a day by replies that brought nothing, which cost them nothing.
HOUSE_LOSS_NANOS = 1_000_000_000
# With the time that writing one takes, a crash costs at most a second of text.
CHECKPOINT_SECONDS = 0.8
MAX_TURN_SECONDS = 1_800
# No tokenizer makes tokens that are longer on average; more text than this was never asked for.
MAX_BYTES_PER_TOKEN = 32
SETTLE_RETRY_SECONDS = 0.2
SETTLE_RETRY_MOST_SECONDS = 5.0
DRAIN_SECONDS = 10.0
TURN_LEASE_SECONDS = 15.0
RECOVERY_INTERVAL_SECONDS = 5.0
HOLD_LIFETIME_SECONDS = 3_600
WATCH_KEEPALIVE_SECONDS = 15.0
WATCH_POLL_SECONDS = 0.5
FRAME_SECONDS = 0.05
MAX_RUNNING_TURNS_PER_PERSON = 20

# Prices.
MAX_MARKUP_PERCENT = 1_000
MARKUP_PLACES = 4
MAX_PRICE_FILE_BYTES = 1_000_000
PRICE_VERSIONS_SHOWN = 50
PRICES_KEPT_SECONDS = 60

# Assistants. Reasoning counts as output, so even a title needs room.
TITLE_TOKENS = 512
TITLE_BYTES_READ = 2_000
TITLE_SECONDS = 2.0
TITLE_BATCH = 20
TITLE_LOOKS = 5
TITLE_HOURS = 1
SUMMARY_TOKENS = 2_048

# The agent. Every step holds its own most before it is made.
AGENT_STEPS = 8
AGENT_STEP_TOKENS = 4_096
AGENT_BUDGET_CENTS = 50
MAX_AGENT_BUDGET_CENTS = 1_000
MAX_AGENT_TASK_CHARS = 20_000
MAX_AGENT_CALLS = 8
MAX_AGENT_PROPOSALS = 20
MAX_AGENT_REASON_CHARS = 500
MAX_RUNNING_AGENTS_PER_PERSON = 3
AGENT_RESULT_BYTES = 8_000
AGENT_MESSAGE_CHARS = 2_000
AGENT_SEARCH_RESULTS = 10
MAX_SEARCH_CHARS = 200
SNIPPET_CHARS = 160
# Between two signs of life; a run that gives none for the time of its lease has no process any more.
AGENT_LIFE_SECONDS = 2.0
AGENT_LEASE_SECONDS = 15.0

# The network.
PROVIDER_CONNECT_SECONDS = 10.0
PROVIDER_STALL_SECONDS = 120.0
COUNT_SECONDS = 3.0
STRIPE_TIMEOUT_SECONDS = 20.0
STRIPE_MAX_RETRIES = 2
STRIPE_PAGE_SIZE = 100
STRIPE_SIGNATURE_TOLERANCE_SECONDS = 300
CHECKOUT_LIFETIME_SECONDS = 3_600
RETURN_ORDERS_CHECKED = 5
RETURN_SECONDS = 8.0
RETRY_EVENTS_SECONDS = 5.0
# No amount in cents that Stripe may report is larger, and no column of them holds more.
MAX_CENTS = 2_147_483_647
# After so many tries, some hours, an event that cannot be handled needs a person.
EVENT_TRIES_TO_ALERT = 12
EXPIRE_SECONDS = 60.0
# Often over a short window, now and then over as long as Stripe repeats an event and a day more.
RECONCILE_SECONDS = 60.0
RECONCILE_WINDOW_SECONDS = 7_200
RECONCILE_WIDELY_SECONDS = 3_600.0
RECONCILE_DAYS = 4
RECONCILE_ORDERS = 200
DISPUTE_DAYS = 180

# Auto top-up. A charge whose end is not known is asked about again, and given up once Stripe may have forgotten its
# idempotency key (https://docs.stripe.com/api/idempotent_requests).
AUTO_TOP_UP_SECONDS = 5.0
AUTO_BATCH = 50
AUTO_AT_ONCE = 5
AUTO_COOLDOWN_SECONDS = 300
AUTO_RETRY_SECONDS = 90
AUTO_GIVE_UP_SECONDS = 72_000
MIN_AUTO_THRESHOLD_USD = 1
MAX_AUTO_THRESHOLD_USD = 1_000
MAX_AUTO_CEILING_USD = 10_000

# Mails.
SEND_MAILS_SECONDS = 5.0
MAIL_BATCH = 20
MAIL_TIMEOUT_SECONDS = 15.0
# A claim outlasts the slowest attempt: a handful of answers, each within the timeout.
MAIL_CLAIM_SECONDS = 300
MAIL_FIRST_PAUSE_SECONDS = 10
MAIL_LONGEST_PAUSE_SECONDS = 3_600
MAIL_TRIES = 20
# What could not be sent for so long is no news any more.
MAIL_DAYS = 3
EXPIRY_NOTICE_DAYS = 7
ANNOUNCE_EXPIRY_SECONDS = 3_600.0

# The database.
SQLITE_BUSY_SECONDS = 10
POOL_SIZE = 16
POOL_TIMEOUT_SECONDS = 5
# The meter has threads of its own, so that a crowd at the doors never holds back a settlement.
DOOR_THREADS = 10
METER_THREADS = 4
THREAD_WAIT_SECONDS = 8.0
POSTGRES_CONNECT_SECONDS = 5
POSTGRES_LOCK_SECONDS = 5
POSTGRES_STATEMENT_SECONDS = 30
POSTGRES_IDLE_SECONDS = 30
# An audit begins so long before the last one: longer than a transaction lasts, and than servers' clocks are apart.
AUDIT_OVERLAP_SECONDS = 3_600
AUDIT_STATEMENT_SECONDS = 3_600

# Accounts.
SESSION_DAYS = 30
MIN_PASSWORD_CHARS = 8
MAX_PASSWORD_CHARS = 200
MAX_EMAIL_CHARS = 254
MIN_SECRET_CHARS = 32
FORGET_SESSIONS_SECONDS = 3_600.0
SIGN_IN_ATTEMPTS = 20
SIGN_IN_WINDOW_SECONDS = 300
MIN_CODE_CHARS = 8
MAX_CODE_CHARS = 40
MAX_CODE_USD = 10_000
MAX_CODE_USES = 1_000_000
MAX_CREDIT_DAYS = 3_650
CODE_WRONG_TRIES = 10
CODE_WINDOW_SECONDS = 3_600
# Hashing a password costs 64 MB and a core on purpose, so only so many are hashed at once.
SIGN_IN_THREADS = 2

# Pages. After a payment that the bank confirms later, the page looks again by itself this often.
PURCHASE_POLLS = 30
PURCHASE_POLL_SECONDS = 2.0
# While a purchase or a refund is under way the list of purchases looks again this often, for half an hour.
PURCHASES_LOOKS = 600
PURCHASES_LOOK_SECONDS = 3.0
UNDO_SECONDS = 10
BANNER_SECONDS = 60
CONVERSATIONS_SHOWN = 100
PURCHASES_SHOWN = 50
STATEMENT_PAGE = 100
USAGE_PAGE = 100
# A range of days is found in a long statement by halving, until so few places are left.
STATEMENT_LOOKED_THROUGH = 1_000
# A range of days that a statement is asked for lies within these years.
FIRST_YEAR = 2000
LAST_YEAR = 9000
# So far, at most, do the clocks of several servers differ.
CLOCKS_DIFFER_SECONDS = 3_600
