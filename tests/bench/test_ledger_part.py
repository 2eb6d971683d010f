"""What is read from the words of the ledger's bench: the quick path beside pgbench, and nothing of SQLite."""

from bench.ledger_part import goals_of

SAID = """
200 people: holds with their captures a second (median of 3, least–most), times 'pgbench, statements',
and microseconds of processor time for one: in the server, in the client
   8 clients  pgbench, statements  2,606 (2,500–2,700)      1.00 x      250 us +     10 us
   8 clients  quick path           3,234 (3,100–3,300)      1.24 x      120 us +    255 us
  32 clients  pgbench, statements  2,434 (2,400–2,500)      1.00 x      250 us +     10 us
  32 clients  quick path           5,587 (5,400–5,600)      2.30 x      100 us +    166 us

one hot account: holds with their captures a second (median of 3, least–most), times 'pgbench, statements',
   8 clients  quick path           3,943 (3,900–4,000)      3.81 x      120 us +    255 us

SQLite, 200 people: holds with their captures a second (median of 3, least–most), times 'slower path',
   8 clients  quick path           3,394 (3,291–3,918)     25.30 x        0 us +    255 us
""".splitlines()


def test_the_quick_path_is_read_at_each_number_of_clients():
    goals = goals_of(SAID)
    assert [(goal.met, goal.measured) for goal in goals] == [(True, "1.24 ×"), (True, "2.30 ×"), (True, "3.81 ×")]
    assert all("SQLite" not in goal.asks for goal in goals)
