"""Losses of the paper's managers, and the region sums they are made from, in torch and in triton."""

from yucca_wm.training.losses.skeleton_recall import DiceCE as DiceCE
from yucca_wm.training.losses.skeleton_recall import DiceCESkeletonRecall as DiceCESkeletonRecall
from yucca_wm.training.losses.skeleton_recall import TubedLabel as TubedLabel
from yucca_wm.training.losses.skeleton_recall import tubed as tubed
