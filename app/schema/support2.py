"""The columns of SUPPORT2.

Source of names, meanings and units: Vanderbilt University Department of Biostatistics, "SUPPORT Data",
with this project's renames in data/README.md. Measurements are those of study day 3.
"""

from __future__ import annotations

from app.schema.columns import Category, Column, Number, Role

DISEASE_GROUPS = (
    "ARF/MOSF w/Sepsis",
    "MOSF w/Malig",
    "CHF",
    "COPD",
    "Cirrhosis",
    "Coma",
    "Colon Cancer",
    "Lung Cancer",
)
DISEASE_CLASSES = ("ARF/MOSF", "COPD/CHF/Cirrhosis", "Coma", "Cancer")


def _number(  # noqa: PLR0913 - one row of a table
    name: str,
    meaning: str,
    unit: str,
    lowest: float,
    highest: float,
    *,
    whole: bool = False,
    nullable: bool = True,
    role: Role = Role.FEATURE,
) -> Number:
    return Number(
        name, meaning, role, nullable=nullable, unit=unit, lowest=lowest, highest=highest, whole=whole
    )


def _category(name: str, meaning: str, values: tuple[str, ...], role: Role = Role.FEATURE) -> Category:
    return Category(name, meaning, role, nullable=role is not Role.FEATURE, values=values)


FEATURES: tuple[Number | Category, ...] = (
    _number("age", "age; the study enrolled adults only", "years", 18, 120, nullable=False),
    _number("comorbidities", "comorbidities counted", "", 0, 20, whole=True, nullable=False),
    _number("edu", "years of education", "years", 0, 40),
    _number("scoma", "SUPPORT coma score, from Glasgow", "", 0, 100),
    _number(
        "hday", "day in hospital at which the patient entered the study", "days", 1, 1000, nullable=False
    ),
    _number("sps", "SUPPORT physiology score of day 3", "", 0, 252),
    _number("meanbp", "mean arterial blood pressure", "mmHg", 0, 300),
    _number("wblc", "white blood cell count", "thousands/mm3", 0, 1000),
    _number("hrt", "heart rate", "beats/min", 0, 400),
    _number("resp", "respiration rate", "breaths/min", 0, 150),
    _number("temp", "body temperature", "degrees Celsius", 13, 47),
    _number("pafi", "PaO2/FiO2 ratio", "mmHg", 0, 1500),
    # No blood has 10 g/dL of albumin, but two rows of the study have; so grams per litre are not told apart.
    _number("alb", "serum albumin", "g/dL", 0, 40),
    _number("bili", "bilirubin", "mg/dL", 0, 150),
    _number("crea", "serum creatinine", "mg/dL", 0, 40),
    _number("sod", "serum sodium", "mEq/L", 80, 240),
    _number("ph", "arterial pH", "", 6, 8.5),
    _number("glucose", "serum glucose", "mg/dL", 0, 3000),
    _number("bun", "blood urea nitrogen", "mg/dL", 0, 600),
    _number("urine", "urine output", "mL/day", 0, 40000),
    _number("adlp", "activities of daily living, told by the patient", "", 0, 7, whole=True),
    _number("adls", "activities of daily living, told by a surrogate", "", 0, 7, whole=True),
    _number("diabetes", "diabetes as a comorbidity (0 or 1)", "", 0, 1, whole=True, nullable=False),
    _number("dementia", "dementia as a comorbidity (0 or 1)", "", 0, 1, whole=True, nullable=False),
    _category("sex", "sex", ("female", "male")),
    _category("dzgroup", "disease group", DISEASE_GROUPS),
    _category("dzclass", "disease class", DISEASE_CLASSES),
    _category("ca", "cancer", ("no", "yes", "metastatic")),
)
"""What the model gets, in the order of its input tensor."""

MONITORED: tuple[Category, ...] = (
    _category("race", "race", ("asian", "black", "hispanic", "other", "white"), Role.MONITORED),
    _category("income", "income", ("under $11k", "$11-$25k", "$25-$50k", ">$50k"), Role.MONITORED),
)

LABEL_COLUMNS: tuple[Number, ...] = (
    _number("died", "died in the study's time", "", 0, 1, whole=True, nullable=False, role=Role.LABEL),
    _number(
        "followup_days",
        "days from study entry to death or last contact",
        "days",
        0,
        100_000,
        nullable=False,
        role=Role.LABEL,
    ),
)

BASELINE = _number("surv2m", "the study's own estimate of 2-month survival", "", 0, 1, role=Role.BASELINE)

FORBIDDEN: tuple[Number | Category, ...] = (
    _number("surv6m", "the study's own estimate of 6-month survival", "", 0, 1, role=Role.FORBIDDEN),
    _category(
        "dnr", "do-not-resuscitate order", ("no dnr", "dnr after sadm", "dnr before sadm"), Role.FORBIDDEN
    ),
    _category(
        "sfdm2",
        "functional disability at month 2",
        ("<2 mo. follow-up", "no(M2 and SIP pres)", "adl>=4 (>=5 if sur)", "SIP>=30", "Coma or Intub"),
        Role.FORBIDDEN,
    ),
)

IDENTIFIER = Column("patient_id", "identifies the patient", Role.IDENTIFIER, nullable=False)

REQUEST_COLUMNS: tuple[Number | Category, ...] = (*FEATURES, *MONITORED)
"""What a request may carry; any other key is refused."""

COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (IDENTIFIER, *LABEL_COLUMNS, BASELINE, *FORBIDDEN, *FEATURES, *MONITORED)
}
"""Every column of the source file, by name."""
