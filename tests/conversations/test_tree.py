"""The tree of a conversation: what follows what, which path is shown, and what stands in whose place."""

from projectloom.conversations.tree import Node, Tree


def tree(*nodes: tuple[str, str | None] | tuple[str, str | None, bool]) -> Tree:
    return Tree([Node(node[0], node[1], node[2] if len(node) > 2 else False, "user") for node in nodes])


def test_a_message_that_names_no_parent_follows_the_one_written_before_it():
    old = tree(("q1", None), ("a1", "q1"), ("q2", None), ("a2", "q2"))
    assert old.path(None) == old.chain("a2") == ["q1", "a1", "q2", "a2"]


def test_a_second_reply_stands_beside_the_first_and_the_newest_is_shown():
    retried = tree(("q1", None), ("a1", "q1"), ("a2", "q1"), ("q2", None))
    assert retried.versions("a1") == ["a1", "a2"]
    assert retried.path(None) == ["q1", "a2", "q2"]
    assert retried.path("a1") == ["q1", "a1"]


def test_another_beginning_follows_nothing_and_what_comes_after_it_follows_it():
    edited = tree(("q1", None), ("a1", "q1"), ("r1", None, True), ("b1", "r1"))
    assert edited.children(None) == edited.versions("q1") == ["q1", "r1"]
    assert edited.path(None) == ["r1", "b1"]
    assert edited.path("q1") == ["q1", "a1"]


def test_a_path_through_a_message_goes_on_to_the_newest_below_it():
    forked = tree(("q1", None), ("a1", "q1"), ("q2", "a1"), ("a2", "q2"), ("q3", "a1"), ("a3", "q3"), ("b3", "q3"))
    assert forked.path("a1") == ["q1", "a1", "q3", "b3"]
    assert forked.path("q2") == ["q1", "a1", "q2", "a2"]


def test_what_is_gone_is_read_as_nothing_and_an_empty_tree_has_no_path():
    assert tree(("q1", None)).path("gone") == ["q1"]
    assert tree().path(None) == tree().path("gone") == []
    assert tree().chain(None) == []
