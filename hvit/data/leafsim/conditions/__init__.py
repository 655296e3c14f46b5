"""Renderers of the conditions. Each changes the tissue in place and marks its symptomatic part."""

from hvit.data.leafsim.conditions import areas, lesions, miner

PAINTERS = {
    "Bacterial_spot": lesions.bacterial_spot,
    "Early_blight": lesions.early_blight,
    "Gray_leaf_spot": lesions.gray_leaf_spot,
    "Interveinal_chlorosis": areas.interveinal_chlorosis,
    "Late_blight": areas.late_blight,
    "Leaf_miner": miner.leaf_miner,
    "Leaf_scorch": areas.leaf_scorch,
    "Mosaic_virus": areas.mosaic_virus,
    "Powdery_mildew": areas.powdery_mildew,
    "Rust": lesions.rust,
    "Scab": lesions.scab,
    "Septoria_leaf_spot": lesions.septoria_leaf_spot,
    "Spider_mites": areas.spider_mites,
}
