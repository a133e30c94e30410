"""Figures that others have published with the same formulas, shown below ours in the same table.

Source of infrared, visible and medical rows: CDDFuse (Zhao et al., CVPR 2023), on sets of other sizes than ours and of
pictures that were stretched to the full range before scoring, which lifts SD, SF and SCD. Source of exposures: MEFB
(Zhang, Information Fusion 2021), MEF-SSIM on all of its 100 pairs, 60 of which are our set.
"""

from __future__ import annotations

CDDFUSE, MEFB = "CDDFuse 2023, stretched", "MEFB 2021"
PUBLISHED: dict[str, dict[str, dict[str, float]]] = {
    f"TNO, 25 ({CDDFUSE})": {
        "DIDFuse": {"vif": 0.60, "qabf": 0.40, "scd": 1.71, "sf": 12.59},
        "U2Fusion": {"vif": 0.58, "qabf": 0.44, "scd": 1.71, "sf": 11.52},
        "TarDAL": {"vif": 0.53, "qabf": 0.32, "scd": 1.52, "sf": 8.68},
        "CDDFuse": {"vif": 0.77, "qabf": 0.54, "scd": 1.76, "sf": 13.15},
    },
    f"RoadScene, 50 ({CDDFUSE})": {
        "DIDFuse": {"vif": 0.58, "qabf": 0.48, "scd": 1.70, "sf": 14.66},
        "U2Fusion": {"vif": 0.60, "qabf": 0.51, "scd": 1.70, "sf": 13.25},
        "TarDAL": {"vif": 0.54, "qabf": 0.40, "scd": 1.55, "sf": 10.83},
        "CDDFuse": {"vif": 0.69, "qabf": 0.52, "scd": 1.81, "sf": 16.36},
    },
    f"MRI-CT, 21 ({CDDFUSE})": {"CDDFuse, medical": {"vif": 0.61, "qabf": 0.68, "scd": 1.41, "sf": 38.14}},
    f"MRI-PET, 42 ({CDDFUSE})": {"CDDFuse, medical": {"vif": 0.71, "qabf": 0.71, "scd": 1.69, "sf": 29.57}},
    f"MRI-SPECT, 73 ({CDDFUSE})": {"CDDFuse, medical": {"vif": 0.97, "qabf": 0.78, "scd": 1.35, "sf": 20.87}},
    f"exposure pairs, 100 ({MEFB})": {
        "structural patches": {"mef_ssim": 0.974},
        "MTI": {"mef_ssim": 0.974},
        "MEFCNN": {"mef_ssim": 0.962},
        "IFCNN": {"mef_ssim": 0.936},
        "MEFNet": {"mef_ssim": 0.914},
        "DeepFuse": {"mef_ssim": 0.897},
    },
}
