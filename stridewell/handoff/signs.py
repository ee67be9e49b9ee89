"""Plain names of the warning signs, for the summary."""

from __future__ import annotations

SIGN_NAMES = {
    "saddle": "numbness or odd feeling around the buttocks, back passage or inner thighs",
    "genital": "numbness of the genitals",
    "bladder": "trouble with the bladder",
    "bowel": "trouble with the bowels",
    "both_legs": "pain, tingling, weakness or numbness in both legs",
    "sexual": "a new problem with sexual function",
    "chest_pain": "chest pain with back pain",
    "trauma": "back pain after a serious accident or fall",
    "aortic": "sudden severe tummy or back pain with faintness or breathlessness",
    "overdose": "too much of a medicine",
    "foot_drop": "foot drop",
    "leg_weakness": "weakness of a leg",
    "fever": "fever or being very unwell",
    "immune": "a weak immune system, injected drugs or a recent serious infection",
    "cancer": "known or past cancer",
    "weight_loss": "unexplained weight loss",
    "lump": "a lump",
    "night_pain": "pain that is worse at night",
    "osteoporosis": "osteoporosis or long-term steroids",
    "suicidal": "suicidal thoughts",
    "self_harm": "self-harm",
}


def sign_name(sign: str) -> str:
    """Return the plain name of a sign; for one without a name, its id in words."""
    return SIGN_NAMES.get(sign, sign.replace("_", " "))
