r"""The numbers that the paper prints, to stand beside ours on ViCo, and those that cannot be right.

Every sentence in MISPRINTS is checked against the numbers by a test.
"""

TABLE_1 = {  # (method, set) -> positive, neutral, negative, average; each angle, exp, trans
    ("ViCo", "test"): (
        (6.79, 15.37, 6.48),
        (8.79, 13.61, 6.68),
        (12.45, 16.98, 6.35),
        (7.79, 15.04, 6.52),
    ),
    ("ViCo", "ood"): (
        (9.72, 24.89, 9.51),
        (6.33, 23.51, 8.95),
        (8.54, 18.99, 5.81),
        (8.23, 22.83, 8.32),
    ),
    ("PCHG", "test"): (
        (13.73, 15.36, 6.94),
        (12.32, 15.35, 5.58),
        (13.48, 23.72, 8.85),
        (13.37, 19.98, 7.74),
    ),
    ("PCHG", "ood"): (
        (17.93, 19.12, 8.27),
        (18.32, 17.66, 9.69),
        (17.47, 20.86, 17.95),
        (18.00, 18.82, 8.76),
    ),
    ("MFR-Net", "test"): (
        (5.36, 13.73, 5.94),
        (5.35, 12.32, 4.58),
        (11.78, 13.46, 5.48),
        (6.82, 13.37, 6.02),
    ),
    ("MFR-Net", "ood"): (
        (9.03, 13.72, 6.29),
        (6.27, 12.96, 4.77),
        (7.77, 15.51, 5.78),
        (8.12, 14.70, 6.37),
    ),
}
TABLE_2 = {  # SSIM, CPBD, PSNR, FID, 1 - CSIM, diversity
    "ViCo": (0.56, 0.11, 17.36, 27.74, 0.23, 0.16),
    "PCHG": (0.58, 0.16, 18.51, 21.35, 0.25, 0.17),
    "MFR-Net": (0.59, 0.18, 17.82, 20.08, 0.18, 0.28),
}
TABLE_3 = {  # naturalness, diversity, identity, attitude [% of votes]
    "ViCo": (18.3, 11.7, 13.3, 29.7),
    "PCHG": (36.6, 25.7, 25.0, 33.7),
    "MFR-Net": (49.0, 62.7, 61.7, 36.7),
}
TABLE_4 = {  # angle, exp, trans, 1 - CSIM, diversity
    "w/o DIFF": (7.48, 14.89, 6.39, 0.21, 0.15),
    "w/o FAM": (7.52, 18.27, 7.49, 0.27, 0.26),
    "w/o L_identity": (None, None, None, 0.20, 0.28),
    "MFR-Net": (7.47, 14.04, 6.20, 0.18, 0.28),
}
MISPRINTS = {
    "Table 1": (
        "MFR-Net's average of trans cannot be right: 6.02 lies above its three cells 5.94, 4.58, "
        "5.48 on D_test, and 6.37 above 6.29, 4.77, 5.78 on D_ood.",
        "PCHG's averages on D_test ask for other shares of the attitudes (about .28, .17, .55) "
        "than ViCo's on the same clips (about .653, .264, .083); on D_ood about .76, .22, .02 "
        "against .385, .345, .27.",
        "No shares of the attitudes at all give the averages of two rows of one set together: what "
        "'average' means was not the same in every row.",
        "PCHG's angles on D_test (13.73, 12.32, 13.48; 13.37) are MFR-Net's exp (13.73, 12.32, "
        "13.46; 13.37) but for one digit, and two of its trans cells are MFR-Net's plus 1.00: the "
        "row is not reliable.",
    ),
    "Table 2": (
        "CSIM is printed with an arrow down and its least value in bold: it must be 1 - cosine.",
        "PSNR's best value is PCHG's 18.51, yet 17.82 is the one underlined.",
        "FID and diversity are Inception's and Hopenet's: without these files ours are of other "
        "networks and the printed ones are left out.",
    ),
    "Table 3": ("The shares of overall naturalness sum to 103.9 %.",),
}
