"""The messages of a conversation as a tree, and the one path of it that is shown and told to a model.

A message follows its parent; one that names none follows the one written before it, unless it begins the conversation
anew. Nothing here reads a database.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a conversation an exchange goes."""

    after: str | None
    """The message that its prompt follows; None begins the conversation anew."""
    answers: str | None = None
    """The prompt that is there already and is answered once more; ``after`` is what that one follows."""


@dataclass(frozen=True, slots=True)
class Node:
    """A message without its text."""

    id: str
    parent_id: str | None
    begins: bool
    role: str


class Tree:
    """The messages of one conversation, given in the order in which they were written."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = {node.id: node for node in nodes}
        self._parents: dict[str, str | None] = {}
        self._children: dict[str | None, list[str]] = {}
        before = None
        for node in nodes:
            parent = None if node.begins else node.parent_id or before
            self._parents[node.id] = parent
            self._children.setdefault(parent, []).append(node.id)
            before = node.id

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._parents

    def parent(self, message_id: str) -> str | None:
        """What a message follows; None for a beginning."""
        return self._parents[message_id]

    def children(self, message_id: str | None) -> list[str]:
        """What follows a message, the oldest first; of None the beginnings."""
        return self._children.get(message_id, [])

    def versions(self, message_id: str) -> list[str]:
        """A message and those that stand in its place in other branches, the oldest first."""
        return self.children(self._parents[message_id])

    def chain(self, message_id: str | None) -> list[str]:
        """The messages that lead to one and itself, the oldest first; nothing leads to None."""
        found: list[str] = []
        while message_id is not None:
            found.append(message_id)
            message_id = self._parents[message_id]
        return found[::-1]

    def path(self, through: str | None) -> list[str]:
        """The path through a message, from a beginning to where nothing follows; at each fork below it the newest.

        Without a message, or where it is not there, the path to the one written last.
        """
        if through is None or through not in self._parents:
            through = next(reversed(self._parents), None)
        found = self.chain(through)
        while found and (following := self.children(found[-1])):
            found.append(following[-1])
        return found
