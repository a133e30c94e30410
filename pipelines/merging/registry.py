"""METHODS: the merge methods there are, in the order of the menu. Importing this loads no tensor library.

OFFLINE: those that need more than the checkpoints of a family, such as samples or adapters.
"""

from __future__ import annotations

from pipelines.merging.adamerging import ADAMERGING
from pipelines.merging.alignment import OPTIMAL_TRANSPORT
from pipelines.merging.atlas import ATLAS
from pipelines.merging.average import AVERAGE
from pipelines.merging.bitdelta import BITDELTA
from pipelines.merging.breadcrumbs import BREADCRUMBS
from pipelines.merging.concrete import CONCRETE
from pipelines.merging.dare import DARE
from pipelines.merging.della import DELLA
from pipelines.merging.emr import EMR
from pipelines.merging.errors import MergeError
from pipelines.merging.fisher import FISHER
from pipelines.merging.iso import ISO
from pipelines.merging.karcher import KARCHER
from pipelines.merging.logit_fusion import LOGIT_FUSION
from pipelines.merging.lora import LORA
from pipelines.merging.method import MergeMethod, OfflineMethod
from pipelines.merging.model_stock import MODEL_STOCK
from pipelines.merging.multislerp import MULTISLERP
from pipelines.merging.near_swap import NEAR_SWAP
from pipelines.merging.nuslerp import NUSLERP
from pipelines.merging.plain_masks import PLAIN_MASKS
from pipelines.merging.pruned import PRUNED
from pipelines.merging.quantised import QUANTISED
from pipelines.merging.ram import RAM
from pipelines.merging.regmean import REGMEAN
from pipelines.merging.sce import SCE
from pipelines.merging.slerp import SLERP
from pipelines.merging.tall_masks import CONSENSUS, TALL_MASKS
from pipelines.merging.task_arithmetic import TASK_ARITHMETIC
from pipelines.merging.ties import TIES
from pipelines.merging.tsv import TSV
from pipelines.merging.wudi import WUDI

METHODS: tuple[MergeMethod, ...] = (
    AVERAGE,
    TASK_ARITHMETIC,
    SLERP,
    NUSLERP,
    MULTISLERP,
    KARCHER,
    MODEL_STOCK,
    NEAR_SWAP,
    TIES,
    DARE,
    DELLA,
    BREADCRUMBS,
    SCE,
    RAM,
    PRUNED,
    TSV,
    ISO,
    WUDI,
    BITDELTA,
    QUANTISED,
    TALL_MASKS,
    CONSENSUS,
    EMR,
    PLAIN_MASKS,
)

OFFLINE: tuple[OfflineMethod, ...] = (
    ADAMERGING,
    ATLAS,
    CONCRETE,
    FISHER,
    REGMEAN,
    LORA,
    OPTIMAL_TRANSPORT,
    LOGIT_FUSION,
)


def method(name: str) -> MergeMethod:
    """The method of that name.

    Raises:
        MergeError: there is none; the message lists those there are.
    """
    for record in METHODS:
        if record.name == name:
            return record
    raise MergeError(f'unknown merge method "{name}"; known are {", ".join(record.name for record in METHODS)}')
