"""Sees signs in words the lexicon never met: texts, vectors and the rules' cues in, judgments out.

A kernel regression says how much a text resembles the examples of each sign, by sentence vector
and by n-grams of characters and words; next to it stand the nearest example of each kind, and the
nearest of all ordinary texts. All are computed for the whole message and for its sentences and
clauses. A logistic model, fitted on
examples that were held out together with everything that resembles them, weighs them with what the
lexicon's rules say (a denial, a question, a time long past) and gives the probability of each
kind: an emergency, a crisis or a same-day sign that somebody has; a sign denied, asked about or
long past; no sign. Kept as arrays and JSON, never as pickled objects.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.blas import ssyrk
from scipy.sparse import csr_matrix

from stridewell.encoder import Array
from stridewell.products import FixedVectors, chunks
from stridewell.safety.cues import CUES
from stridewell.safety.examples import Example
from stridewell.safety.finding import MENTIONED, TIERS
from stridewell.safety.noise import noisy
from stridewell.tfidf import Rows, TfIdf

logger = logging.getLogger(__name__)

FORMAT = 5
NONE = "none"
KINDS = (*TIERS, *MENTIONED, NONE)
WEIGHTS_FILE, SETTINGS_FILE = "safety_weights.npz", "safety_classifier.json"
NGRAMS: dict[str, dict[str, Any]] = {
    "characters": {"analyzer": "char_wb", "ngram_range": (3, 5)},
    "words": {"analyzer": "word", "ngram_range": (1, 3), "token_pattern": r"(?u)\b\w+\b"},
}
_CUE_WEIGHT, _SCALE = 2.0, 4.0
_CHUNK = 2000
# From this many words on a question is a story of somebody, and its sentences teach as well.
STORY_WORDS = 25


@dataclass(frozen=True)
class Settings:
    """How the classifier learns.

    Attributes:
        kernel_weights: Shares of vectors, characters and words in the similarity.
        sharpness: How fast the kernel falls with distance.
        regularization: Keeps the regression from following single examples.
        same_topic: Examples this similar are held out together.
        ordinary_landmarks: How many ordinary questions the regression may lean on.
        ordinary_parts: How many sentences of ordinary messages teach the regression.
        ordinary_stacked: How many ordinary questions the final weighing is fitted on.
        stories: How many long messages are made of the texts for the final weighing.
        weighing: How freely the logistic model weighs; less is smoother.
        folds: Number of folds.
        noise_weight: Weight of a misspelled copy.
        far: Share of held-out signs without a wording of the lexicon that may lie too far from all
            others to be taken for one.
        wanted_recall: Share of held-out signs to be seen, by the classifier or the lexicon.
        false_alarms: Share of held-out ordinary texts that the threshold may always cost.
        seed: Of folds and misspellings.
    """

    kernel_weights: tuple[float, float, float] = (4.0, 1.0, 0.5)
    sharpness: float = 3.0
    regularization: float = 0.3
    same_topic: float = 0.72
    ordinary_landmarks: int = 1200
    ordinary_parts: int = 2500
    ordinary_stacked: int = 4800
    stories: int = 400
    weighing: float = 0.1
    folds: int = 5
    noise_weight: float = 0.5
    far: float = 0.02
    wanted_recall: float = 0.975
    false_alarms: float = 0.01
    seed: int = 20


@dataclass(frozen=True)
class Prepared:
    """A message ready to be judged: its text and parts in repaired spelling, and its cues."""

    text: str
    parts: tuple[str, ...]
    cues: Array


class Preparer(Protocol):
    """Anything that prepares a message; the screen with the lexicon alone does."""

    def prepare(self, text: str) -> Prepared: ...


@dataclass(frozen=True)
class Judgment:
    """What the classifier says of one message.

    Attributes:
        probabilities: Of each of ``KINDS``.
        signs: The likeliest sign of each tier.
        nearest: How much it or a part of it resembles an example of a sign.
    """

    probabilities: dict[str, float]
    signs: dict[str, str]
    nearest: float

    @property
    def has_it(self) -> float:
        """How likely somebody has a sign."""
        return sum(self.probabilities[tier] for tier in TIERS)

    @property
    def tier(self) -> str:
        """The likeliest tier; a more urgent one goes first when it is nearly as likely."""
        return max(
            TIERS, key=lambda tier: self.probabilities[tier] * (1.0 if tier == "same_day" else 1.5)
        )

    @property
    def mention(self) -> str:
        """The likeliest status of a sign that nobody has."""
        return max(MENTIONED, key=lambda status: self.probabilities[status])


class SignClassifier:
    """Judges messages; made by :func:`train` or :meth:`load`."""

    def __init__(self, arrays: dict[str, Array], description: dict[str, Any]) -> None:
        self.settings: dict[str, float] = dict(description["settings"])
        self.classes: tuple[str, ...] = tuple(description["classes"])
        self._description = description
        self._arrays = arrays
        self._shares = np.array(description["kernel_weights"])
        self._sharpness = float(description["sharpness"])
        # Both in one product; the ordinary ones among the landmarks come last of these.
        self._vectors = FixedVectors(np.concatenate([arrays["vectors"], arrays["ordinary"]]))
        self._weights = arrays["weights"].astype(np.float32)
        self._kinds = arrays["kinds"]
        self._first_ordinary = int(np.searchsorted(self._kinds, KINDS.index(NONE)))
        self._columns = _columns(self.classes)
        self._columns_of = {
            tier: np.flatnonzero(self._columns == KINDS.index(tier)) for tier in TIERS
        }
        kinds = []
        for kind, words in description["vocabularies"].items():
            tfidf = TfIdf(NGRAMS[kind], words, arrays[f"idf_{kind}"])
            parts = tuple(arrays[f"{part}_{kind}"] for part in ("data", "indices", "indptr"))
            kinds.append((tfidf, csr_matrix(parts, (len(words), len(self._kinds)))))
        self._rows = Rows(kinds)

    def judge(self, prepared: Prepared, vectors: Array) -> Judgment:
        """Judge one message.

        Args:
            prepared: The message.
            vectors: Vectors of its text and then of its parts, (1 + parts, dimension).
        """
        texts = [prepared.text, *prepared.parts]
        products = self._vectors.products(vectors)
        (similarity,) = self._rows.similarities(texts, self._shares[1:].tolist())
        similarity += products[:, : len(self._kinds)] * np.float32(self._shares[0])
        regression = np.exp(self._sharpness * (similarity - 1.0)) @ self._weights
        ordinary = products[:, self._first_ordinary :].max(axis=1)
        rows = _rows(regression, _nearest(similarity, self._kinds), ordinary, self._columns)
        owners = np.zeros(len(prepared.parts), dtype=int)
        features = _features(rows[:1], rows[1:], owners, prepared.cues[None, :])
        logits = (features @ self._arrays["stack"].T + self._arrays["bias"])[0]
        raised = np.exp(logits - logits.max())
        best = regression.max(axis=0)
        return Judgment(
            dict(zip(KINDS, (raised / raised.sum()).tolist(), strict=True)),
            {tier: self._likeliest(tier, best) for tier in TIERS},
            float(_nearest_sign(rows).max()),
        )

    def _likeliest(self, tier: str, scores: Array) -> str:
        columns = self._columns_of[tier]
        if not len(columns):
            return {"crisis": "suicidal", "emergency": "saddle"}.get(tier, "leg_weakness")
        best = int(columns[scores[columns].argmax()])
        return self.classes[best].split("|")[0]

    def save(self, folder: Path) -> None:
        """Write arrays and settings into ``folder``."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(folder / WEIGHTS_FILE, **self._arrays)
        (folder / SETTINGS_FILE).write_text(
            json.dumps({**self._description, "format": FORMAT}, sort_keys=True) + "\n",
            encoding="utf-8",
        )

    @classmethod
    def load(cls, folder: Path) -> SignClassifier:
        """Read what :meth:`save` wrote.

        Raises:
            OSError, ValueError, KeyError: A file is missing or of another format.
        """
        description = json.loads((Path(folder) / SETTINGS_FILE).read_text(encoding="utf-8"))
        if description.get("format") != FORMAT:
            raise ValueError(f"format {description.get('format')} instead of {FORMAT}")
        with np.load(Path(folder) / WEIGHTS_FILE, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if arrays["weights"].shape != (len(arrays["vectors"]), len(description["classes"])):
            raise ValueError("weights and classes do not fit together")
        return cls(arrays, description)


def kind_of(example: Example) -> str:
    """Return the kind of an example: its tier, its status when nobody has it, or ``none``."""
    if example.status is None:
        return NONE
    return str(example.tier if example.affirmed else example.status)


def train(
    examples: Sequence[Example],
    encode: Callable[[Sequence[str]], Array],
    preparer: Preparer,
    ordinary: Sequence[str] = (),
    settings: Settings | None = None,
) -> SignClassifier:
    """Fit the classifier; the same data and seed give the same weights.

    Args:
        examples: Signs, mentions and ordinary messages.
        encode: Turns n texts into n unit vectors.
        preparer: Repairs spelling, cuts messages and reads the cues.
        ordinary: Ordinary questions, many and short.
        settings: How to learn.
    """
    return _Training(examples, encode, preparer, ordinary, settings or Settings()).classifier()


class _Training:
    def __init__(
        self,
        examples: Sequence[Example],
        encode: Callable[[Sequence[str]], Array],
        preparer: Preparer,
        ordinary: Sequence[str],
        settings: Settings,
    ) -> None:
        self.settings = settings
        chance = random.Random(settings.seed)
        chosen = sorted(set(examples), key=lambda e: (e.text, kind_of(e)))
        known = {example.text.lower() for example in chosen}
        questions = sorted({text for text in ordinary if text.lower() not in known})
        chance.shuffle(questions)
        # Of those that are read in full, a third tell a story.
        long = [text for text in questions if len(text.split()) >= STORY_WORDS]
        first = set(long[: settings.ordinary_stacked // 3])
        questions.sort(key=lambda text: text not in first)
        chosen += [Example(text) for text in questions]
        # The last questions only teach the regression: cutting and reading all takes too long.
        self.full = len(chosen) - max(0, len(questions) - settings.ordinary_stacked)
        prepared = [preparer.prepare(example.text) for example in chosen[: self.full]]
        rest = [example.text for example in chosen[self.full :]]
        self.texts = [p.text for p in prepared] + rest
        labels = sorted({f"{e.sign}|{e.tier}" for e in chosen if e.affirmed})
        self.classes = [*labels, *MENTIONED, NONE]
        self.columns = _columns(self.classes)
        self.kinds = np.array([KINDS.index(kind_of(e)) for e in chosen])
        self.y = np.array(
            [self.classes.index(f"{e.sign}|{e.tier}" if e.affirmed else kind_of(e)) for e in chosen]
        )
        count = len(chosen)
        own = encode(self.texts)
        self.groups = _groups(own, settings.same_topic)
        fold_of = np.array([chance.randrange(settings.folds) for _ in range(self.groups.max() + 1)])
        self.folds = fold_of[self.groups]
        self.by_hand = np.array([text.lower() in known for text in (e.text for e in chosen)])
        stories = self._tell_stories(chance)
        told = [preparer.prepare(text) for text, _ in stories]
        copies = [i for i, e in enumerate(chosen) if e.status]
        misspelled = [preparer.prepare(noisy(chosen[i].text, chance)).text for i in copies]
        # Rows: the texts, their misspelled copies, the stories, the parts of texts and of stories.
        story_rows = count + len(copies) + np.arange(len(stories))
        judged = [*prepared, *told]
        self.judged = np.concatenate([np.arange(self.full), story_rows]).astype(int)
        parts = [(i, part) for i, p in enumerate(judged) for part in p.parts]
        self.part_owner = np.array([i for i, _ in parts], dtype=int)
        leads = np.array([lead for _, lead in stories], dtype=int)
        sources = np.concatenate([np.arange(self.full), leads]).astype(int)
        self.cues = np.stack([p.cues for p in judged]) if judged else np.zeros((0, CUES))
        self.source = np.concatenate(
            [np.arange(count), copies, leads, sources[self.part_owner]]
        ).astype(int)
        self.all_texts = [
            *self.texts, *misspelled, *(p.text for p in told), *(part for _, part in parts)
        ]  # fmt: skip
        self.vectors = np.concatenate([own, encode(self.all_texts[count:])])
        self.is_part = np.arange(len(self.all_texts)) >= count + len(copies) + len(stories)
        weight = np.bincount(self.kinds, minlength=len(KINDS)).astype(float)
        self.balance = np.sqrt(weight.mean() / np.maximum(weight, 1.0))
        self.weight = self.balance[self.kinds[self.source]]
        self.weight[count : count + len(copies)] *= settings.noise_weight
        self.weight[count + len(copies) :] = 0.0
        # No part of an ordinary message is a sign either.
        of_ordinary = self.kinds[self.source] == KINDS.index(NONE)
        self.of_story = np.zeros(len(self.all_texts), dtype=bool)
        self.of_story[story_rows] = True
        self.of_story[self.is_part] = self.part_owner >= self.full
        hardest = self._most_alike(np.flatnonzero(of_ordinary & self.is_part & ~self.of_story))
        learned = hardest[: settings.ordinary_parts]
        self.weight[learned] = settings.noise_weight * self.balance[KINDS.index(NONE)]
        self.landmarks = self._choose_landmarks(learned)
        # All ordinary texts, and what the regression leans on of their parts.
        leant_on = self.landmarks[of_ordinary[self.landmarks]]
        self._ordinary = np.union1d(np.flatnonzero(self.kinds == KINDS.index(NONE)), leant_on)

    def _most_alike(self, rows: Array) -> Array:
        """Return ordinary rows, each text once, those first that most resemble a sign."""
        signs = np.flatnonzero(self.kinds != KINDS.index(NONE))
        _, first = np.unique([self.all_texts[i] for i in rows], return_index=True)
        rows = rows[np.sort(first)]
        like = np.concatenate(
            [
                np.partition(self.vectors[rows[taken]] @ self.vectors[signs].T, -3, axis=1)[:, -3:]
                for taken in chunks(len(rows), _CHUNK)
            ]
        ).mean(axis=1)
        return np.asarray(rows[np.argsort(-like, kind="stable")])

    def _choose_landmarks(self, ordinary_parts: Array) -> Array:
        """Return the rows that the regression leans on: all written for it, and the hardest others.

        Those of a kind lie side by side.

        Args:
            ordinary_parts: Rows of parts of ordinary messages.
        """
        questions = np.flatnonzero((self.kinds == KINDS.index(NONE)) & ~self.by_hand)
        # The ordinary texts that most resemble a sign teach most.
        hardest = self._most_alike(np.concatenate([questions, ordinary_parts]))
        chosen = hardest[: self.settings.ordinary_landmarks]
        marks = np.sort(np.concatenate([np.flatnonzero(self.by_hand), chosen]))
        return np.asarray(marks[np.argsort(self.kinds[self.source[marks]], kind="stable")])

    def _tell_stories(self, chance: random.Random) -> list[tuple[str, int]]:
        """Join ordinary texts of one fold, some of them around a sign, to long messages.

        Returns:
            The stories, each with the number of the text that gives it its kind.
        """
        stories = []
        none = KINDS.index(NONE)
        kinds, folds = self.kinds[: self.full], self.folds[: self.full]
        for number in range(self.settings.stories):
            fold = number % self.settings.folds
            filler = np.flatnonzero((kinds == none) & (folds == fold)).tolist()
            leads = np.flatnonzero((kinds != none) & (folds == fold)).tolist()
            if not filler or not leads:
                continue
            chosen = [chance.choice(filler) for _ in range(chance.randint(1, 9))]
            lead = chosen[0]
            if number % 2:
                lead = chance.choice(leads)
                chosen.insert(chance.randint(0, len(chosen)), lead)
            texts = [self.texts[i].strip() for i in chosen]
            stories.append((" ".join(t if t[-1:] in ".!?" else t + "." for t in texts), lead))
        return stories

    def classifier(self) -> SignClassifier:
        from sklearn.linear_model import LogisticRegression

        settings, marks = self.settings, self.landmarks
        shares = np.array(settings.kernel_weights) / sum(settings.kernel_weights)
        similarity = self.vectors @ self.vectors[marks].T
        similarity *= np.float32(shares[0])
        arrays: dict[str, Array] = {
            "vectors": self.vectors[marks].astype(np.float16),
            "ordinary": self.vectors[np.setdiff1d(self._ordinary, marks)].astype(np.float16),
            "kinds": self.kinds[self.source[marks]],
        }
        vocabularies: dict[str, list[str]] = {}
        for share, (kind, ngrams) in zip(shares[1:], NGRAMS.items(), strict=True):
            tfidf = TfIdf.fit(ngrams, [self.all_texts[i] for i in marks])
            matrix = tfidf.rows([self.all_texts[i] for i in marks]).T.tocsr()
            ngrams_of = tfidf.rows(self.all_texts)
            for rows in chunks(len(self.all_texts), _CHUNK):
                similarity[rows] += np.float32(share) * (ngrams_of[rows] @ matrix).toarray()
            vocabularies[kind] = tfidf.vocabulary
            arrays[f"idf_{kind}"] = tfidf.idf
            for part in ("data", "indices", "indptr"):
                arrays[f"{part}_{kind}"] = getattr(matrix, part)
        nearest = self._held_out_nearest(similarity)
        ordinary = self._held_out_ordinary()
        weights, held = self._regress(similarity)
        del similarity
        said = _rows(held, nearest, ordinary, self.columns)
        features = _features(said[self.judged], said[self.is_part], self.part_owner, self.cues)
        kinds = self.kinds[self.source[self.judged]]
        spread = np.maximum(features.std(axis=0), 1e-6)
        model = LogisticRegression(C=settings.weighing, max_iter=3000)
        model.fit(features / spread, kinds)
        stack = np.zeros((len(KINDS), features.shape[1]))
        bias = np.full(len(KINDS), -20.0)
        stack[model.classes_] = model.coef_ / spread
        bias[model.classes_] = model.intercept_
        arrays |= {"weights": weights.astype(np.float32), "stack": stack, "bias": bias}
        chances = _softmax(features @ stack.T + bias)[:, : len(TIERS)].sum(axis=1)
        figures = self._threshold(chances, kinds)
        near = _nearest_sign(features)
        np.maximum.at(near, self.part_owner, _nearest_sign(said[self.is_part]))
        unseen = (kinds < len(TIERS)) & ~self.cues[:, : len(TIERS)].any(axis=1)
        far = float(np.quantile(near[unseen], settings.far)) if unseen.any() else 0.0
        figures["nearest"] = round(far, 4)
        description = {
            "format": FORMAT,
            "classes": self.classes,
            "kernel_weights": shares.tolist(),
            "sharpness": settings.sharpness,
            "vocabularies": vocabularies,
            "settings": {**figures, "examples": float(len(self.texts))},
            "learned_with": asdict(settings),
        }
        logger.info("Warning-sign classifier trained: %s", description["settings"])
        return SignClassifier(arrays, description)

    def _regress(self, similarity: Array) -> tuple[Array, Array]:
        """Return the weights, and what the regression says of each row held out.

        Overwrites ``similarity`` with the kernel: it is the largest thing in memory.
        """
        settings, marks = self.settings, self.landmarks
        kernel = similarity
        kernel -= 1.0
        kernel *= settings.sharpness
        np.exp(kernel, out=kernel)
        wanted = np.eye(len(self.classes))[self.y[self.source]]
        learned = self.weight > 0

        def moments(rows: Array) -> tuple[Array, Array]:
            """Return what rows say of the weights: the lower half of one side, and the other."""
            gram = np.zeros((len(marks), len(marks)), dtype=np.float32, order="F")
            right = np.zeros((len(marks), len(self.classes)))
            for taken in chunks(len(rows), _CHUNK):
                chunk = rows[taken]
                root = np.sqrt(self.weight[chunk]).astype(np.float32)[:, None]
                part = kernel[chunk] * root
                gram = ssyrk(1.0, part.T, 1.0, gram, lower=1, overwrite_c=1)
                right += part.T @ (root * wanted[chunk])
            return gram, right

        def solve(gram: Array, right: Array, keep: Array) -> Array:
            matrix = gram.T[np.ix_(keep, keep)].T.astype(np.float64, order="F")
            matrix += settings.regularization * kernel[np.ix_(marks[keep], keep)].T
            # More than what single precision rounds away.
            matrix[np.diag_indices_from(matrix)] += 1e-5 * matrix.trace() / len(matrix)
            factor = cho_factor(matrix, lower=True, overwrite_a=True)
            return np.asarray(cho_solve(factor, right[keep]))

        folds = self.folds[self.source]
        said = [
            moments(np.flatnonzero((folds == fold) & learned)) for fold in range(settings.folds)
        ]
        gram, right = (sum(parts) for parts in zip(*said, strict=True))
        weights = solve(gram, right, np.arange(len(marks)))
        held = np.zeros_like(wanted)
        for fold in range(settings.folds):
            testing = np.flatnonzero(folds == fold)
            keep = np.flatnonzero(folds[marks] != fold)
            if len(testing):
                of_fold, right_of_fold = said[fold]
                own_weights = solve(gram - of_fold, right - right_of_fold, keep)
                for taken in chunks(len(testing), _CHUNK):
                    chunk = testing[taken]
                    held[chunk] = kernel[np.ix_(chunk, keep)] @ own_weights
        return weights, held

    def _held_out_nearest(self, similarity: Array) -> Array:
        """Return the similarity to the nearest landmark of each kind, a text's like left out."""
        found = []
        for rows in chunks(len(similarity), _CHUNK):
            apart = np.where(self._alike(rows, self.landmarks), np.float32(-1.0), similarity[rows])
            found.append(_nearest(apart, self.kinds[self.source[self.landmarks]]))
        return np.concatenate(found)

    def _held_out_ordinary(self) -> Array:
        """Return the similarity of vectors to the nearest ordinary text, a text's like left out."""
        found = []
        for rows in chunks(len(self.vectors), _CHUNK):
            similarity = self.vectors[rows] @ self.vectors[self._ordinary].T
            similarity[self._alike(rows, self._ordinary)] = -1.0
            found.append(similarity.max(axis=1))
        return np.concatenate(found)

    def _alike(self, rows: slice, others: Array) -> Array:
        """Tell which rows resemble which others, or were made of texts of their fold."""
        groups, folds = self.groups[self.source], self.folds[self.source]
        alike = np.asarray(groups[rows, None] == groups[others][None, :])
        # A story is made of many texts of its fold.
        told = self.of_story[rows]
        alike[told] = folds[rows][told][:, None] == folds[others][None, :]
        return alike

    def _threshold(self, chances: Array, kinds: Array) -> dict[str, float]:
        signs, none = kinds < len(TIERS), kinds == KINDS.index(NONE)
        lexicon = self.cues[:, : len(TIERS)].any(axis=1)
        reached, threshold = 0.0, 0.5
        for threshold in np.arange(0.5, 0.21, -0.01):
            reached = float(np.mean((chances >= threshold)[signs] | lexicon[signs]))
            if reached >= self.settings.wanted_recall:
                break
        cost = float(np.quantile(chances[none], 1.0 - self.settings.false_alarms))
        threshold = min(float(threshold), max(cost, 0.2))
        seen = chances >= threshold
        mentions = ~signs & ~none
        return {
            "threshold": round(threshold, 4),
            "held_out_recall": round(float((seen | lexicon)[signs].mean()), 4),
            "held_out_recall_alone": round(float(seen[signs].mean()), 4),
            "held_out_false_mention": round(float(seen[mentions].mean()), 4),
            "held_out_false_none": round(float(seen[none].mean()), 4),
        }


def _columns(classes: Sequence[str]) -> Array:
    """Return the kind of each class, as its number in ``KINDS``."""
    return np.array([KINDS.index(c.split("|")[1] if "|" in c else c) for c in classes])


def _nearest(similarity: Array, kinds: Array) -> Array:
    """Return (n, kinds) similarity to the nearest landmark of each kind; they lie side by side."""
    found = np.zeros((len(similarity), len(KINDS)), dtype=np.float32)
    present, starts = np.unique(kinds, return_index=True)
    found[:, present] = np.maximum.reduceat(similarity, starts, axis=1)
    return found


def _rows(regression: Array, nearest: Array, ordinary: Array, columns: Array) -> Array:
    """Join what is said of n texts: (n, 2 * kinds + 1)."""
    kinds = regression @ (columns[:, None] == np.arange(len(KINDS))).astype(regression.dtype)
    return np.asarray(_SCALE * np.hstack([kinds, nearest, ordinary[:, None]]))


def _features(rows: Array, parts: Array, owners: Array, cues: Array) -> Array:
    """Join what is said of whole messages, of their parts, and by the rules.

    Args:
        rows: (n, 2 * kinds + 1) of the messages.
        parts: The same of m parts.
        owners: (m,) message of each part.
        cues: (n, CUES).
    """
    count, tiers = len(KINDS), len(TIERS)
    best, beyond = rows.copy(), _beyond(rows)
    np.maximum.at(best, owners, parts)
    np.maximum.at(beyond, owners, _beyond(parts))
    # The more parts, the likelier one of them looks like something by chance.
    several = np.log1p(np.bincount(owners, minlength=len(rows)))[:, None]
    chosen = [*range(count - 1), *range(count, count + tiers)]
    return np.hstack([rows, best[:, chosen], beyond, several, _CUE_WEIGHT * cues])


def _beyond(rows: Array) -> Array:
    """Return (n, 2) how much more texts resemble signs than they do ordinary texts."""
    signs = [rows[:, : len(TIERS)].sum(axis=1), _SCALE * _nearest_sign(rows)]
    return np.asarray(np.stack(signs, axis=1) - rows[:, -1:])


def _nearest_sign(rows: Array) -> Array:
    """Return (n,) the similarity of texts to the nearest sign that somebody has."""
    count = len(KINDS)
    return np.asarray(rows[:, count : count + len(TIERS)].max(axis=1)) / _SCALE


def _groups(vectors: Array, limit: float) -> Array:
    """Number the texts so that those which resemble one another share a number."""
    groups = np.full(len(vectors), -1)
    number = 0
    for taken in chunks(len(vectors), _CHUNK):
        like = vectors @ vectors[taken].T >= limit
        for place, index in enumerate(range(len(vectors))[taken]):
            if groups[index] < 0:
                groups[like[:, place] & (groups < 0)] = number
                groups[index] = number
                number += 1
    return groups


def _softmax(logits: Array) -> Array:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
