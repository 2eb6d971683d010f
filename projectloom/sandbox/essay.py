"""The sandbox's long reply: sections on how to think about anything, with the question's own subject put in."""

OPENING = (
    "This is the sandbox speaking, a stand-in for a real model, and since you asked for length, here is length: a "
    "walk around the subject that is the same every time you ask, so that a long reply can be watched, stopped and "
    "counted."
)

CLOSING = (
    "---\n\n*That was the sandbox. No model read your words; the tokens, the price and the receipt are computed exactly"
    " as they would be for a real reply.*"
)

SECTIONS = (
    (
        "What is being asked",
        "Most disagreements about {subject} are disagreements about the question. One person wants to know what is "
        "true, another what to do on Monday, a third whom to blame. It is worth writing the question down in one "
        "sentence, reading it aloud, and asking what answer would change anything. If no answer would, the question "
        "is not ready. If only one answer would be welcome, it is not a question at all but a wish, and wishes are "
        "handled differently.",
    ),
    (
        "Where it comes from",
        "Nothing about {subject} began yesterday. Somebody met the difficulty first, tried what was at hand, and left"
        " habits behind that outlived their reasons. Reading a little of that history is the cheapest research there "
        "is: it tells which roads were tried, why they were left, and which of those reasons have since gone away. "
        "What was too slow, too dear or too large twenty years ago is often none of these today.",
    ),
    (
        "The words we use",
        "Every field has words that look ordinary and are not. Before going on with {subject}, list the five words "
        "that carry the most weight and write beside each what it means here. Where two people write different "
        "things, stop: you have found the real work. A shared vocabulary is not pedantry. It is what allows a short "
        "sentence to mean the same thing to everyone in the room, and it is the difference between a plan and a "
        "misunderstanding.",
    ),
    (
        "What we can observe",
        "Opinions about {subject} are plentiful; observations are fewer, and better. An observation says what was "
        "seen, when, by whom, and under which conditions. Three careful observations outweigh thirty confident "
        "opinions. Keep them apart from what they seem to mean, because meanings change as more is learned and "
        "observations do not. A plain notebook with dates is enough to begin, and most people never get as far as "
        "that.",
    ),
    (
        "A small model",
        "It helps to build the smallest thing that behaves like {subject} and can be changed by hand: a drawing, a "
        "table, a dozen lines of code. The model will be wrong. That is its use. Each way in which it is wrong points"
        " at something that matters and had been left out. Add one thing at a time, and stop when the model is just "
        "good enough to be surprised by. A model that explains everything has usually stopped explaining anything.",
    ),
    (
        "The strongest objection",
        "Whatever you now believe about {subject}, somebody sensible believes the opposite. Find the best form of "
        "that view, not the silliest, and state it so that its owner would nod. Then see what is left of your own. "
        "Usually some of it survives, some of it shrinks, and one part turns out to have been a preference all along."
        " This is uncomfortable for an hour and saves weeks, which is a good price for discomfort.",
    ),
    (
        "Costs, seen and unseen",
        "Everything done about {subject} costs money, time, attention or goodwill, and the last two are seldom "
        "counted. Ask what will be given up, by whom, and whether they were asked. Ask what it costs to change course"
        " later, since a step that can be undone may be taken lightly and one that cannot deserves a night's sleep. "
        "Finally ask what it costs to do nothing. It is rarely nothing.",
    ),
    (
        "The people in it",
        "Behind {subject} there are people: those who asked for it, those who will do it, those who will live with "
        "it, and those who hear of it last. Walk through an ordinary day of each. The plan that looks tidy from above"
        " may ask someone to type the same figure twice, or to explain a decision that nobody explained to them. "
        "Plans fail at exactly such places, quietly and for good reasons.",
    ),
    (
        "An example, worked through",
        "Suppose a small team takes up {subject} with two weeks and no budget. In the first two days they write the "
        "question down and find that they had three. They choose one. By the end of the first week they have a table "
        "of twenty observations, of which two are surprising. In the second week they test the two, discard one, and "
        "end with a page that says what they know, how they know it, and what they would look at next. That page is "
        "worth more than the forty slides that it replaces.",
    ),
    (
        "How to tell that it works",
        "Decide beforehand what success with {subject} looks like, in a form that could turn out false. “People are "
        "happier” cannot. “Fewer than one in ten asks for help in the first week” can. Choose one measure that you "
        "would be glad to see move and one that you would be sorry to see move with it, because every measure that is"
        " watched begins to be served, and the second one keeps the first one honest.",
    ),
    (
        "What can go wrong",
        "List the five likeliest ways in which work on {subject} could fail, and beside each the earliest sign of it."
        " Signs are more useful than probabilities: nobody knows the probabilities, but everyone can notice a sign. "
        "Then take the one failure that could not be repaired afterwards and spend most of your care on it. The "
        "others are called experience, and they are cheap at the price if they come early.",
    ),
    (
        "Doing it in small steps",
        "Large steps feel brave and are mostly slow, because nothing is learned until the end. Take {subject} apart "
        "until each piece can be finished, shown and judged within days. Order the pieces so that the riskiest "
        "assumption is tested first, not last. After each piece ask one question: knowing this, would we still do the"
        " next? When the answer is no, stop with a light heart. Stopping early is a result.",
    ),
    (
        "What remains open",
        "An honest account of {subject} ends with what it does not know. Write these things down as plainly as the "
        "rest: what was assumed because it could not be checked, what was left out for lack of time, and what would "
        "change the conclusion if it turned out differently. Readers trust a text that knows its edges. So does its "
        "author, a year later, on finding it again and wondering how sure that younger person really was.",
    ),
    (
        "In a few words",
        "Ask a question that an answer could change. Agree on five words. Look before explaining. Build the smallest "
        "model of {subject} that can be wrong. Hear the best objection. Count what is given up. Remember whose day it"
        " changes. Choose beforehand what would prove you mistaken. Take small steps, the riskiest first. Say what "
        "you do not know. None of this is clever, and all of it together is rare, which is why it works so well.",
    ),
)
