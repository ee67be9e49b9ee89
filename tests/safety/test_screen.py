"""The screen sees signs however they are written, and reads what a message says about them."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from rasa.shared.nlu.training_data.message import Message

from components.safety_screen import SafetyScreenComponent
from stridewell.encoder import Array
from stridewell.safety import NOTHING, SIGNS, Finding, SafetyScreen, bot_question
from stridewell.safety.classifier import Judgment, Prepared
from stridewell.safety.examples import load_examples
from tests.safety.conftest import DATA

AFFIRMING_NEGATIVES = [
    "I can't pee",
    "no feeling down there",
    "never felt numbness like this in my groin",
    "without warning I wet myself",
    "painkillers don't help and both legs are weak",
    "can't control my bladder",
    "not able to feel when I wipe",
    "no pain at all, just no feeling in my groin",
    "never had bladder trouble before but now I can't start peeing",
    "I can't go a day without wetting myself",
    "not only is my bum numb, my bladder leaks too",
    "I don't want to worry anyone but I wet myself",
    "no numbness in my feet but my groin is numb",
    "bladder is not fine, I leak",
    "it's not the pain, I can't feel my bladder",
    "I don't know why but I can't feel my private parts",
]


@pytest.mark.parametrize("text", AFFIRMING_NEGATIVES)
def test_a_negative_word_does_not_silence_an_emergency(
    lexicon_screen: SafetyScreen, text: str
) -> None:
    finding = lexicon_screen.screen(text)
    assert (finding.tier, finding.status) == ("emergency", "self")


HIDDEN = [
    "my bla\u200bdder le\u200baks",
    "MY BLADDER LEAKS",
    "my bl\u0430dder le\u0430ks",
    "my bladderrrr leeeaks",
    "my bladdr leaks",
    "my bladdre leaks",
    "my b l a d d e r leaks",
    "my b*ladder leaks",
    "my \uff42\uff4c\uff41\uff44\uff44\uff45\uff52 leaks",
    "leaks, my bladder",
    "cant controll my blader",
    "my bladder\u00adleaks",
]


@pytest.mark.parametrize("text", HIDDEN)
def test_odd_writing_does_not_hide_a_sign(lexicon_screen: SafetyScreen, text: str) -> None:
    assert lexicon_screen.screen(text).tier == "emergency"


@pytest.mark.parametrize(
    "text",
    [
        "the ladder leaks",
        "blatter resigned",
        "my water bladder leaks",
        "growing pains",
        "coach made us run suicides",
        "dead legs after parkrun",
        "this hill killed me",
        "I'm dying to run again",
        "my fingers are numb with cold",
        "pins and needles in my left foot",
        "coughing makes my back pain worse",
        "I'm over 50 and have back pain",
        "I have back pain",
        "I hurt myself running",
    ],
)
def test_ordinary_words_are_no_sign(lexicon_screen: SafetyScreen, text: str) -> None:
    assert lexicon_screen.screen(text) == NOTHING


# Messages as runners write them; the classifier was not trained on them.
RUNNERS_TALK = [
    "My legs are dead today, should I still do the session?",
    "my legs turned to lead at mile 22",
    "felt numb when I saw my finish time",
    "this sciatica is killing my training",
    "overdid the hills yesterday and now my back is sore",
    "Cutting down to three runs a week because of my back",
    "I ran over the bridge and back and my back ached",
    "Made it round parkrun, just about",
    "the other times it was my left glute, this time it's my right",
    "i sleep on my left side, right side, with a pillow between my knees",
    "pain at the very bottom of my back when I run",
    "sore sit bones from a new saddle",
    "my glutes are asleep according to my physio",
    "dead butt syndrome, do I run on?",
    "I fell off the couch to 5k wagon",
    "hit the wall at mile 20 and my back ached",
    "crashed out of the marathon with back pain",
    "Run over by work lately so I have no time to train",
    "I nearly died on that hill lol",
    "suicide runs at football practice, good or bad for backs?",
    "life isn't the same without running",
    "there's no point stretching cold, right?",
    "can't carry on with the plan, too sore",
    "I lost it at km 30 and walked home",
    "lost my running mojo",
    "lost weight on purpose with running and diet, is my back grateful",
    "runner's trots on long runs, how do I plan the route?",
    "my water bottle leaks on the run",
    "sweat soaked my shorts",
    "groin strain from sprinting, can I run?",
    "pulled my groin playing football",
    "both my calves are tight after speedwork",
    "my feet went numb from lacing my shoes too tight",
    "hands numb with cold",
    "My leg falls asleep on long drives",
    "mild tingling in the right leg after sitting",
    "sciatica on the left since March",
    "sometimes left, sometimes right, never at the same time",
    "I rolled my ankle on the trail",
    "stairs hurt my back",
    "heel drop matters for back pain?",
    "shoes with a high drop",
    "weak core, does it cause back pain",
    "is weakness in my core the reason my back aches",
    "running in hot weather with back pain",
    "hot and cold packs for a sore back",
    "lungs burning on hill reps",
    "chest strap chafes me",
    "Cancer Research 10k, beginner with back pain",
    "a run for mental health",
    "wake up stiff, eases after ten minutes",
    "can't sleep the night before a race",
    "i'm 63 and my back aches after 5k",
    "what is piriformis syndrome",
    "is swimming better than running",
    "can stress cause back pain",
    "three weeks and not better, what now?",
    "physio cancelled, feeling low about my running",
    "I'm heartbroken about my DNF",
    "this back pain is doing my head in",
    "my partner runs faster than me, how can I keep up",
    "my friend swears by barefoot running",
    "battery dead at mile 20",
    "dead straight road, dead boring, still did 10k",
    "I'm dying for a long run",
    "numbers on my watch don't add up",
    "can't feel the benefit of stretching",
    "no energy in my legs after the taper",
    "I've got a bad back from shifting boxes",
    "what to wear in the rain, my pants get soaked",
    "I take ibuprofen before long runs, is that ok?",
    "had twelve gels during the ultra",
    "doubled my mileage in two weeks",
    "out of breath on hills and back ache",
]


@pytest.mark.parametrize("text", RUNNERS_TALK)
def test_no_wording_of_the_lexicon_is_in_runners_talk(
    lexicon_screen: SafetyScreen, text: str
) -> None:
    assert not lexicon_screen.screen(text).affirmed


def test_runners_talk_seldom_opens_with_a_safety_text(screen: SafetyScreen) -> None:
    # As a share: these are the hardest, and each of them is new to the classifier.
    opened = [text for text in RUNNERS_TALK if screen.screen(text).affirmed]
    assert len(opened) <= len(RUNNERS_TALK) / 10, opened


def test_runners_talk_is_no_training_example() -> None:
    examples = {example.text.lower() for example in load_examples(DATA / "examples")}
    assert not examples & {text.lower() for text in RUNNERS_TALK}


@pytest.mark.parametrize(
    "text",
    [
        "My back has been sore since the winter, and I miss my morning runs. " * 40,
        "I run three times a week. My left hip gets tight, so I stretch. " * 40,
    ],
)
def test_a_harmless_message_said_often_stays_harmless(screen: SafetyScreen, text: str) -> None:
    assert not screen.screen(text).affirmed


DENIED = [
    "no numbness in my groin or anything like that. How soon can I run?",
    "my GP asked about numbness in the saddle area and I said no. Is cycling ok?",
    "the doctor asked whether I had lost control of my bladder and I haven't",
    "no chest pain or breathlessness, only my lower back hurts after hills",
    "tested negative for infection and no fever at all, just back pain",
    "no thoughts of suicide, only fed up",
]


@pytest.mark.parametrize("text", DENIED)
def test_a_message_that_only_denies_opens_with_no_safety_text(
    lexicon_screen: SafetyScreen, text: str
) -> None:
    assert lexicon_screen.screen(text).status == "denied"


LONG_PAST = [
    "I had cauda equina surgery in 2011 and recovered completely, is running ok?",
    "years ago I wet myself after an epidural, never since",
    "a decade ago both my legs went weak, surgery sorted it out",
    "back in 2013 I couldn't wee and had emergency surgery. Everything works now.",
    "I was suicidal as a teenager but I've been well for 15 years",
]


@pytest.mark.parametrize("text", LONG_PAST)
def test_what_is_long_over_is_read_as_past(lexicon_screen: SafetyScreen, text: str) -> None:
    assert lexicon_screen.screen(text).status == "past"


NOT_OVER = [
    "I used to be fine, now my groin is numb",
    "my groin went numb years ago, it went away, now it is back",
    "had saddle numbness in 2015, fixed by surgery. Last night I wet myself.",
    "in 2015 both my legs went numb and it never got better",
    "I had cauda equina in 2012 and recovered, but since last week I can't feel when I wipe again",
    "asking because my groin is numb and I don't know what to do",
    "my GP asked about the numbness in my groin and I haven't slept since",
    "no pain any more, my groin is just numb and it's spreading",
    "No fever. No cough. Can't feel my bum.",
    "the physio asked about my bladder and I said I can't pee",
    "it was all good for years, then yesterday both legs went numb",
    "nothing wrong with my back but my groin is numb",
    "numb groin, is walking ok?",
]


@pytest.mark.parametrize("text", NOT_OVER)
def test_a_sign_next_to_a_denial_or_the_past_is_affirmed(
    lexicon_screen: SafetyScreen, text: str
) -> None:
    finding = lexicon_screen.screen(text)
    assert (finding.tier, finding.affirmed) == ("emergency", True)


# For every sign: somebody has it, another has it, it is denied, it is asked about, it is past.
STATUS_TABLE: dict[str, tuple[str, str, str, str]] = {
    "saddle": ("my groin is numb", "my wife's groin is numb", "no numbness in my groin, can I run?",
               "can sciatica cause numbness in the groin?"),
    "genital": ("my penis is numb", "my husband's penis is numb",
                "no numbness in my genitals, can I run?",
                "can sciatica cause numb genitals?"),
    "bladder": ("I lost control of my bladder", "my dad lost control of his bladder",
                "I haven't lost control of my bladder, can I run?",
                "can sciatica cause bladder problems?"),
    "bowel": ("I lost control of my bowels", "my mum lost control of her bowels",
              "I haven't lost control of my bowels, can I run?",
              "does sciatica cause bowel problems?"),
    "both_legs": ("both my legs are weak", "both my dad's legs are weak",
                  "no weakness in both legs, can I run?", "can sciatica affect both legs?"),
    "sexual": ("my back hurts and I can't get an erection",
               "my husband has back pain and can't get an erection",
               "my back hurts but I have no erectile dysfunction",
               "can back pain cause erectile dysfunction?"),
    "chest_pain": ("my back hurts and I have chest pain", "my dad has chest pain and back pain",
                   "I don't have chest pain, just a sore back",
                   "can back trouble cause chest pain?"),
    "trauma": ("I was in a car accident and my back hurts",
               "my son was in a car accident and his back hurts",
               "I haven't had a car accident, my back just aches",
               "can a car accident cause back pain?"),
    "aortic": ("sudden tearing pain in my back and I feel faint",
               "my dad has sudden tearing pain in his back and feels faint",
               "no tearing pain in my back, only stiffness",
               "can an aneurysm cause back pain?"),
    "overdose": ("I took too many painkillers", "my friend took too many painkillers",
                 "I haven't taken too many painkillers", "can you overdose on ibuprofen?"),
    "foot_drop": ("my foot drags when I walk", "my mum's foot drags when she walks",
                  "I don't have foot drop, can I run?", "can sciatica cause foot drop?"),
    "leg_weakness": ("my left leg keeps giving way", "my mum's leg keeps giving way",
                     "no weakness in my left leg, can I run?",
                     "can sciatica cause weakness in one leg?"),
    "fever": ("my back hurts and I have a fever", "my son has back pain and a fever",
              "I have back pain but no fever", "can back pain come with a fever?"),
    "immune": ("I have HIV and my back hurts", "my brother has HIV and his back hurts",
               "no recent infection, just back pain", "can an infection cause back pain?"),
    "cancer": ("I had breast cancer and now my back hurts",
               "my mum had breast cancer and now her back hurts",
               "I don't have cancer, just back pain", "does cancer cause back pain?"),
    "weight_loss": ("unexplained weight loss and back pain",
                    "my dad has unexplained weight loss and back pain",
                    "no unexplained weight loss, just back pain",
                    "is unexplained weight loss a red flag?"),
    "lump": ("I found a lump on my spine", "my son has a lump on his spine",
             "no lump on my spine", "what causes a lump on the spine?"),
    "night_pain": ("my back pain is worse at night and rest doesn't help",
                   "my dad's back pain is worse at night and rest doesn't help",
                   "", "why is back pain worse at night?"),
    "osteoporosis": ("I have osteoporosis and I fell over",
                     "my gran has osteoporosis and she fell over",
                     "", "can osteoporosis cause fractures after a small fall?"),
    "suicidal": ("I feel suicidal", "my friend feels suicidal", "I'm not suicidal, just tired",
                 "does chronic pain cause suicide?"),
    "self_harm": ("I want to harm myself", "my sister is self harming",
                  "I don't self harm", "why do people self harm?"),
}  # fmt: skip


def test_the_table_covers_every_sign() -> None:
    assert set(STATUS_TABLE) == set(SIGNS)


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(("column", "status"), enumerate(["self", "other", "denied", "asked"]))
def test_what_a_message_says_about_each_sign(
    lexicon_screen: SafetyScreen, sign: str, column: int, status: str
) -> None:
    text = STATUS_TABLE[sign][column]
    if not text:
        pytest.skip("a denial of this sign holds none of its words")
    finding = lexicon_screen.screen(text)
    assert (sign in finding.signs, finding.status) == (True, status), finding


@pytest.mark.parametrize(
    "text",
    [
        "I had saddle numbness ten years ago, it went away",
        "I used to have foot drop, fully recovered. Can I run?",
        "broke my back in a car crash as a kid, all healed. Can I run?",
    ],
)
def test_long_past_is_told_from_now(lexicon_screen: SafetyScreen, text: str) -> None:
    assert lexicon_screen.screen(text).status == "past"


@pytest.mark.parametrize(
    "text",
    [
        "I've had a numb groin since last year",
        "my groin went numb years ago and it is still numb",
        "it started years ago but now my bladder leaks",
    ],
)
def test_a_long_duration_does_not_lower_the_tier(lexicon_screen: SafetyScreen, text: str) -> None:
    finding = lexicon_screen.screen(text)
    assert (finding.tier, finding.status) == ("emergency", "self")


def test_an_affirmed_sign_wins_over_a_denied_one(lexicon_screen: SafetyScreen) -> None:
    finding = lexicon_screen.screen("No fever, no weight loss, bowels fine, but I can't pee.")
    assert (finding.tier, finding.status, finding.signs) == ("emergency", "self", ("bladder",))


@pytest.mark.parametrize(
    ("after", "status"),
    [
        ("I have that.", "self"),
        ("I think I do.", "self"),
        ("Mine just went.", "self"),
        ("I think I do too many miles.", "asked"),
    ],
)
def test_a_question_followed_by_having_it_is_affirmed(
    lexicon_screen: SafetyScreen, after: str, status: str
) -> None:
    assert lexicon_screen.screen(f"Can sciatica cause foot drop? {after}").status == status


def test_sexual_problems_alone_are_same_day(lexicon_screen: SafetyScreen) -> None:
    assert lexicon_screen.screen("I can't get an erection").tier == "same_day"


def test_an_overdose_with_suicidal_thoughts_is_an_emergency(lexicon_screen: SafetyScreen) -> None:
    finding = lexicon_screen.screen("I want to die and I took 30 tablets")
    assert finding.tier == "emergency"
    assert {"overdose", "suicidal"} <= set(finding.signs)


def test_the_threat_to_take_all_pills_is_a_crisis(lexicon_screen: SafetyScreen) -> None:
    assert lexicon_screen.screen("I feel like taking all my pills").tier == "crisis"


# Across messages


def test_a_sign_split_over_two_messages_is_seen(lexicon_screen: SafetyScreen) -> None:
    finding = lexicon_screen.screen("when I wipe", ["I can't feel it"])
    assert (finding.tier, finding.status) == ("emergency", "self")


def test_yes_to_both_legs_is_an_emergency(lexicon_screen: SafetyScreen) -> None:
    earlier = ["my leg is numb", bot_question("Is it both legs?")]
    assert lexicon_screen.screen("yes", earlier).tier == "emergency"


def test_no_to_both_legs_is_not(lexicon_screen: SafetyScreen) -> None:
    earlier = ["my leg hurts", bot_question("Is it both legs?")]
    assert lexicon_screen.screen("no", earlier) == NOTHING


def test_it_is_happening_to_me_turns_a_question_round(lexicon_screen: SafetyScreen) -> None:
    finding = lexicon_screen.screen(
        "it's happening to me", ["can sciatica make you lose bladder control?"]
    )
    assert (finding.tier, finding.status) == ("emergency", "self")


@pytest.mark.parametrize("text", ["which shoes are best?", "thanks", "ok", "can I run tomorrow?"])
def test_an_earlier_sign_is_not_repeated(screen: SafetyScreen, text: str) -> None:
    assert screen.screen(text, ["I can't feel my groin"]) == NOTHING


def test_back_pain_told_before_completes_a_fever(lexicon_screen: SafetyScreen) -> None:
    assert lexicon_screen.screen("and I have a fever", ["my lower back hurts"]).tier == "same_day"


# Anything may arrive


@pytest.mark.parametrize(
    "text", [None, "", "   ", "\n\n", "😀😀", "?!?", "\u200b", "0", "[", "\x00"]
)
def test_empty_messages_hold_nothing(screen: SafetyScreen, text: str | None) -> None:
    assert screen.screen(text) == NOTHING


def test_a_sign_in_ten_thousand_characters_is_seen_in_time(screen: SafetyScreen) -> None:
    filler = "I like to run along the river with my club on Sundays. " * 90
    text = filler + "Since Monday I can't feel anything when I wipe. " + filler
    begin = time.perf_counter()
    finding = screen.screen(text[:10_000])
    assert (finding.tier, finding.status) == ("emergency", "self")
    assert time.perf_counter() - begin < 15


def test_ten_thousand_repeated_words_are_read_in_time(lexicon_screen: SafetyScreen) -> None:
    begin = time.perf_counter()
    lexicon_screen.screen("numb bladder leg both no " * 400)
    assert time.perf_counter() - begin < 5


def test_the_evidence_holds_no_words_of_the_message(screen: SafetyScreen) -> None:
    finding = screen.screen("Zebedee Xylophone here: my groin is numb")
    assert finding.evidence
    assert all("zebedee" not in item.lower() for item in finding.evidence)


def test_a_finding_survives_its_dictionary() -> None:
    finding = Finding("emergency", ("saddle",), "self", ("saddle/phrase",))
    assert Finding.from_dict(finding.to_dict()) == finding


# Faults


class BrokenEncoder:
    def encode(self, texts: object) -> object:
        raise RuntimeError("no model")


def test_a_failing_encoder_leaves_the_lexicon_working(
    screen: SafetyScreen, caplog: pytest.LogCaptureFixture
) -> None:
    broken = SafetyScreen(screen.lexicon, screen.classifier, BrokenEncoder())  # type: ignore[arg-type]
    assert broken.screen("I can't pee").tier == "emergency"
    broken.screen("hello")
    assert sum("classifier failed" in record.message for record in caplog.records) == 1


def test_a_missing_classifier_leaves_the_lexicon_working(tmp_path: object) -> None:
    screen = SafetyScreen.load(DATA, tmp_path / "missing", None)  # type: ignore[operator]
    assert screen.screen("I can't pee").tier == "emergency"


class BrokenScreen:
    def screen(self, text: str) -> Finding:
        raise RuntimeError(text)


def test_a_message_that_cannot_be_screened_gets_the_safety_line_and_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    component = SafetyScreenComponent({}, None, None, BrokenScreen())  # type: ignore[arg-type]
    (message,) = component.process([Message({"text": "my secret"})])
    found = message.get("safety")
    assert (found["tier"], found["status"]) == ("emergency", "asked")
    assert "secret" not in caplog.text
    assert len(caplog.records) == 1


def test_a_changed_example_is_trained_anew(tmp_path: Path) -> None:
    shutil.copytree(DATA, tmp_path / "safety")
    config = {"data": str(tmp_path / "safety")}
    before = SafetyScreenComponent.fingerprint_addon(config)
    (tmp_path / "safety/examples/crisis.yml").write_text("safety_examples: []\n")
    assert SafetyScreenComponent.fingerprint_addon(config) != before


def test_a_message_is_judged_once_also_when_it_is_read_with_the_ones_before(
    screen: SafetyScreen, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert screen.classifier
    judge, judged = screen.classifier.judge, []

    def counted(prepared: Prepared, vectors: Array) -> Judgment:
        judged.append(prepared)
        return judge(prepared, vectors)

    monkeypatch.setattr(screen.classifier, "judge", counted)
    text = "does a wobbly pavement matter for my back"
    assert screen.screen(text) == screen.screen(text, ["my left knee creaks"])
    assert len(judged) == 1
