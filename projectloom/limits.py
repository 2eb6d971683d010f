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

# A body comes within so long and as long as its largest size takes over a slow line, and never pauses for so long.
BODY_SECONDS = 30.0
BODY_BYTES_A_SECOND = 50_000
BODY_PAUSE_SECONDS = 30.0

# What goes with a message. Anthropic takes 5 MiB of a picture as it is sent, in base64, 20 large ones in a request
# (https://platform.claude.com/docs/en/build-with-claude/vision), and 32 MB in all.
MAX_ATTACHED = 10
MAX_PICTURE_BYTES = 3_900_000
MAX_PICTURE_SIDE = 8_000
MAX_TEXT_FILE_BYTES = 500_000
MAX_FILE_NAME_CHARS = 100
MAX_TOLD_PICTURES = 20
MAX_TOLD_PICTURE_BYTES = 20_000_000
MAX_ATTACHED_BYTES_PER_PERSON = 1_000_000_000
# What was attached and never sent is forgotten after so long, and sooner where more than so much waits.
UNSENT_DAYS = 30
MAX_UNSENT_BYTES_PER_PERSON = 50_000_000
UNSENT_LEAST_HOURS = 24
FORGET_UNSENT_SECONDS = 3_600.0
# More than this, pasted at once, becomes a file.
PASTE_CHARS = 4_000
# A question that is answered once more is sought among so many with the same words, which may have other files.
SAME_PROMPTS_LOOKED_AT = 50
MAX_INSTRUCTIONS_CHARS = 8_000
# A client of the chat sends every picture of its history again, in base64.
MAX_CHAT_BODY_BYTES = MAX_BODY_BYTES + MAX_TOLD_PICTURE_BYTES * 4 // 3 + 100_000

MAX_IMPORT_BYTES = 32_000_000
# Commas, braces and brackets in all of one, those of its texts among them: each part costs far more than its bytes.
MAX_IMPORT_MARKS = 2_000_000
MAX_IMPORTED_CONVERSATIONS = 1_000
MAX_IMPORTED_MESSAGES = 20_000
# So many files are read at once: each costs several times its size while it is.
IMPORTS_AT_ONCE = 1
# So many come in at once, of people who each have one on the way, within so long.
IMPORTS_ARRIVING = 4
IMPORT_ARRIVAL_SECONDS = 120.0
# What a program or a file reads at once.
LIST_PAGE = 100
MESSAGES_PAGE = 200

# The meter.
DEFAULT_MODELS = ("claude-sonnet-5-5", "gpt-6.1-terra")
# Reasoning counts as output, so a reply needs more room than its text.
DEFAULT_MAX_TOKENS = 8_192
MIN_USEFUL_TOKENS = 256
MIN_AVAILABLE_NANOS = 100_000_000
LOW_BALANCE_NANOS = 5_000_000_000
MAX_CAP_USD = 10_000
MAX_KEY_LIMIT_USD = 1_000_000
# What a person may cost the house in a day by replies that brought nothing, which cost them nothing.
HOUSE_LOSS_NANOS = 1_000_000_000
# And how often in a day they may stop one before its first word, since thoughts that were not told cost the house too.
EMPTY_STOPS = 200
# How many replies a person may stop or leave in a day whose thoughts nobody has counted yet. Of further ones the rest
# is read to its end, and paid.
ENDED_UNCOUNTED_A_DAY = 50
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
# A database that lets a look of recovery wait longer than this has let others wait as well.
RECOVERY_LATE_SECONDS = 0.5
RECOVERY_LATE_LOOKS = 20
TAKE_OVER_SECONDS = 30.0
TAKE_OVER_POLL_SECONDS = 0.05
HOLD_LIFETIME_SECONDS = 3_600
WATCH_KEEPALIVE_SECONDS = 15.0
WATCH_POLL_SECONDS = 0.5
FRAME_SECONDS = 0.05
MAX_RUNNING_TURNS_PER_PERSON = 20

# The doors. Subjects whose acts are counted in memory, and how many people's worth one address may do at once.
RATES_REMEMBERED = 50_000
PEOPLE_AT_ONE_ADDRESS = 5
# A shared count that does not answer so soon is left alone for a while, and this process counts by itself.
RATES_REDIS_SECONDS = 0.5
RATES_ALONE_SECONDS = 10.0
# The operator's ceiling of a day: how old the sum may be, how often it is looked at, when it is said to be near, and
# from where on replies are begun one after the other.
DAY_CEILING_FRESH_SECONDS = 1.0
DAY_CEILING_SECONDS = 15.0
DAY_CEILING_NEAR_PERCENT = 80
DAY_CEILING_EXACT_PERCENT = 80
# Of so many models without a price that somebody asked for, the operator is told in a day, by each process.
UNPRICED_TOLD_A_DAY = 5

# So many stored keys are sealed anew in one transaction.
KEYS_ROTATED_AT_ONCE = 50

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
# What a person's titles may cost the house in a day.
HOUSE_TITLES_NANOS = 50_000_000
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
AGENT_LISTED_CONVERSATIONS = 30
AGENT_RUNS_SHOWN = 30
# Between two signs of life; a run that gives none for the time of its lease has no process any more.
AGENT_LIFE_SECONDS = 2.0
AGENT_LEASE_SECONDS = 15.0

# What passes through as it is: people's own programs send pictures, and read as slowly as they like.
MAX_WIRE_BODY_BYTES = 32_000_000
MAX_WIRE_ANSWER_BYTES = 64_000_000
# Of commas and brackets: each costs far more memory than its byte.
MAX_WIRE_MARKS = 500_000
# Larger ones are read and written by a thread.
WIRE_LOOP_BYTES = 200_000
MAX_REFUSAL_BYTES = 64_000
WIRE_BUFFER_BYTES = 1_000_000
# What a provider sends within so short a time leaves together: no eye sees it, and each piece has a cost of its own.
WIRE_FRAME_SECONDS = 0.004
# Where a program names no limit: long enough for all but books, and a hold that does not take a whole balance.
WIRE_DEFAULT_MAX_TOKENS = 32_000
# What a provider's format adds to each token of a stream.
WIRE_BYTES_PER_TOKEN = 1_000

# Searching one's conversations.
MAX_SEARCH_CHARS = 200
MAX_SEARCH_WORDS = 12
SEARCH_RESULTS = 30
SNIPPET_CHARS = 160
# So many of the latest messages are looked at before the index is asked for all that have the words. Where more than so
# many have them, one stretch of messages after the other is looked at instead.
SEARCH_LATEST = 500
SEARCH_HITS = 2_000
# What is no word, or one of a script that parts none, is sought in so many of the latest messages.
SEARCH_WALKED = 2_500
SEARCH_PORTION = 200
# So many of the latest titles with other letters than English has are folded.
SEARCH_TITLES = 20_000

# The network.
PROVIDER_CONNECT_SECONDS = 10.0
PROVIDER_STALL_SECONDS = 120.0
COUNT_SECONDS = 3.0
# For one person; beyond them the bound by bytes decides.
COUNTS_PER_MINUTE = 20
PROGRAM_COUNTS_PER_MINUTE = 120
# Addresses of pictures in a request are looked up within this time, of at most so many servers.
LOOK_UP_SECONDS = 3.0
MAX_LINKED_HOSTS = 50
MAX_LINKS = 1_000
# Whether a person's own key works is asked of its provider within this time, and so often in a minute.
KEY_CHECK_SECONDS = 8.0
KEY_TRIES = 20
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

# What machines ask. Strangers may ask whether a server is ready, so it looks no more often than this.
READY_SECONDS = 2.0
READY_FRESH_SECONDS = 1.0
READY_JOB_SECONDS = 60.0
FIGURES_FRESH_SECONDS = 5.0
MIN_METRICS_TOKEN_CHARS = 16
MIN_WEBHOOK_KEY_BYTES = 24
COUNT_SECONDS_SHARED = 300.0
# How a leased job that runs every few seconds went is written down no more often than this.
NOTE_RUNS_SECONDS = 30.0
# The doctor: how long a check may take, and what it says something about.
DOCTOR_SECONDS = 20.0
DOCTOR_HTTP_SECONDS = 8.0
CLOCK_OFF_SECONDS = 3.0
# Signatures are taken for minutes, sessions of others for seconds.
CLOCK_WRONG_SECONDS = 30.0
DISK_FULL_BYTES = 200_000_000
DISK_SMALL_BYTES = 2_000_000_000
AUDIT_OLD_DAYS = 7
# What the operator is told of: what waits for longer, costs more in a day, or is later than this.
WATCH_SECONDS = 60.0
HOLD_OLD_SECONDS = 2_100
INBOX_OLD_SECONDS = 900
LOSSES_TOLD_NANOS = 5_000_000_000
JOB_LATE_USUALLY_SECONDS = 900
JOB_LATE_SECONDS = {"announce expiry": 10_800, "forget sessions": 10_800, "reconcile widely": 10_800}
JOB_FAILURES_TOLD = 5
# Of at least so many replies, more than this part waited so long for their first word.
SELF_WATCH_SECONDS = 300.0
SLOW_REPLIES_OF = 20
SLOW_REPLIES_PART = 0.2
SLOW_WORD_SECONDS = 30.0

# The database.
SQLITE_BUSY_SECONDS = 10
POOL_SIZE = 17
POOL_TIMEOUT_SECONDS = 5
# The meter has threads of its own, so that a crowd at the doors never holds back a settlement.
DOOR_THREADS = 10
METER_THREADS = 4
THREAD_WAIT_SECONDS = 8.0
POSTGRES_CONNECT_SECONDS = 5
POSTGRES_LOCK_SECONDS = 5
POSTGRES_STATEMENT_SECONDS = 30
POSTGRES_IDLE_SECONDS = 30
# Group commit. What is busy elsewhere is tried again for a moment, then the slower path waits for it.
QUICK_BATCH = 64
# On Postgres two connections take turns where so many wait for the second: fewer are quicker together.
QUICK_LANES = 2
QUICK_LANE_LEAST = 8
# One that found no connection is not tried for so long.
QUICK_LANE_REST_SECONDS = 1.0
# What nobody waits for waits so long for others: a flush has a cost of its own, whatever is in it.
QUICK_PATIENCE_SECONDS = 0.01
# How old the price card and the payer may be that a quick write is tried with; the database checks both.
QUICK_FRESH_SECONDS = 1.0
QUICK_REMEMBERED = 10_000
# So long after a reply of somebody's was plain, their next call is made ready while its hold is being written.
CALL_READY_SECONDS = 600.0
QUICK_BUSY_TRIES = 5
QUICK_BUSY_SECONDS = 0.002
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
# Where as many accounts were made as may be, somebody new is told to come back after so long.
FULL_RETRY_SECONDS = 300
# After so many wrong passwords each further one doubles the wait: for an account from one network, for it from all of
# them, so that nobody else's tries keep its owner out, and from a network for whatever account.
FREE_TRIES = 5
FREE_TRIES_OF_AN_ACCOUNT = 100
FREE_TRIES_OF_AN_ADDRESS = 50
SIGN_IN_WAIT_SECONDS = 30
SIGN_IN_LONGEST_WAIT_SECONDS = 900
# Tries that lie further apart than this are not added up.
SIGN_IN_WINDOW_SECONDS = 3_600
# Of somebody who is signed in and does not know the old password.
PASSWORD_TRIES = 20
PASSWORD_WINDOW_SECONDS = 300
# Links in mails.
CONFIRM_LINK_HOURS = 48
RESET_LINK_HOURS = 1
LINKS_AN_HOUR = 5
MAX_LINK_CHARS = 100
# Signing in with Clerk. What is longer than a browser's largest cookie is no token of its script's.
MAX_TOKEN_CHARS = 8_192
MIN_RSA_BITS = 2_048
# So far may clocks differ, on top of what a token says.
CLERK_SKEW_SECONDS = 5
CLERK_SECONDS = 5.0
# Whom nobody here knew when Clerk told of them is let in, within so long, by nothing older than that; asked so often.
CLERK_NEWS_SECONDS = 86_400
CLERK_FETCHES = 3
MAX_CLERK_ANSWER_BYTES = 262_144
# Keys are asked for again after an hour, at once where one is unknown, but not oftener than this.
CLERK_KEYS_SECONDS = 3_600.0
CLERK_KEYS_PAUSE_SECONDS = 30.0
CLERK_KEYS_RETRY_SECONDS = 5.0
# The tolerance of https://www.standardwebhooks.com.
CLERK_EVENT_SECONDS = 300
MAX_MILLISECONDS = 10**14
MAX_API_KEYS_PER_PERSON = 50
MAX_API_KEY_NAME_CHARS = 80
# Who is behind a key may be told from memory for so long: a revocation holds everywhere after it.
API_KEY_FRESH_SECONDS = 1.0
API_KEYS_REMEMBERED = 10_000
API_KEY_GUESSES_REMEMBERED = 1_000
# When a key was last used is written at most this often.
API_KEY_USE_SECONDS = 60.0
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
# So long is said by how much the balance moved.
MOVED_SECONDS = 4.0
# Who leaves waits so long for replies that end by themselves.
LEAVING_LOOKS = 20
LEAVING_LOOK_SECONDS = 0.25
BANNER_SECONDS = 60
CONVERSATIONS_PAGE = 50
# A list that was scrolled far is read anew only so far down.
CONVERSATIONS_AT_ONCE = 500
MAX_PINNED = 30
MAX_FAVOURITES = 12
# What has been in the trash for too long goes so many conversations at a time.
PURGE_BATCH = 20
PURGE_SECONDS = 3_600.0
# Of a conversation when it opens; so many more each time that somebody scrolls to what is shown first.
MESSAGES_SHOWN = 20
# From here on what was said before makes each message dear enough to say so.
LONG_CHAT_NANOS = 30_000_000
# What is usual for a person: by so many of their latest questions, of so many records looked at, once there are a few.
USUAL_REPLIES = 50
USUAL_LOOKED_AT = 500
USUAL_LEAST_REPLIES = 5
# How long replies are in tokens before a person has had any: from a third of a page to a page. They count as six more
# of the person's own, so that a first one or two decide nothing by themselves.
TYPICAL_REPLIES_TOKENS = (250, 250, 350, 350, 750, 750)
# Less than this is never dear, whatever is usual.
DEAR_NANOS = 10_000_000
# A cheaper model is pointed out for a plain short question that it answers for so many times less.
CHEAPER_TIMES = 3
CHEAPER_DRAFT_CHARS = 600
CHEAPER_PROMPT_TOKENS = 4_000
# Said before the balance or a cap ends.
NEAR_END_QUESTIONS = 10
NEAR_END_NANOS = 500_000_000
NEAR_CAP_PERCENT = 80
PURCHASES_SHOWN = 50
LOTS_SHOWN = 20
STATEMENT_PAGE = 100
USAGE_PAGE = 100
ACTIVITY_PAGE = 50
# A file of replies is read so many at a time.
ACTIVITY_FILE_PAGE = 1_000
# A longer range of the activity is drawn by months.
ACTIVITY_DAYS_DRAWN = 93
# Of the conversations the dearest are named, the rest are one line.
ACTIVITY_CONVERSATIONS = 10
ACTIVITY_WEEK_DAYS = 7
# What an operator's list of replies has at most.
USAGE_ROWS_LISTED = 500
# The operator's pages.
PEOPLE_FOUND = 20
HOLDS_SHOWN = 50
TROUBLES_SHOWN = 100
ACTIONS_PAGE = 50
MAX_REASON_CHARS = 200
# A reply whose process is silent for so long after its lease needs a look: recovery has come by several times.
STUCK_TURN_SECONDS = 20.0
MARGIN_DAYS = 30
MOST_MARGIN_DAYS = 400
FULL_AUDIT_SHOWN_SECONDS = 1.0
# How often a server looks whether a full audit is asked for, and how long it may be silent about one it does.
FULL_AUDIT_LOOK_SECONDS = 2.0
FULL_AUDIT_BEAT_SECONDS = 5.0
FULL_AUDIT_LEASE_SECONDS = 30.0
# A range of days is found in a long statement by halving, until so few places are left.
STATEMENT_LOOKED_THROUGH = 1_000
# A range of days that a statement is asked for lies within these years.
FIRST_YEAR = 2000
LAST_YEAR = 9000
# So far, at most, do the clocks of several servers differ.
CLOCKS_DIFFER_SECONDS = 3_600
