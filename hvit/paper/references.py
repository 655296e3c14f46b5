"""References of a Methods paragraph, as BibTeX.

Each entry was checked against published ones. A field that sources disagree on is left out.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """A BibTeX entry.

    Attributes:
        kind: article, inproceedings, misc or software.
        fields: in the order they are written.
    """

    kind: str
    fields: dict[str, str]

    def bibtex(self, key: str) -> str:
        """The entry in BibTeX syntax."""
        lines = [f"  {name} = {{{value}}}" for name, value in self.fields.items()]
        return f"@{self.kind}{{{key},\n" + ",\n".join(lines) + "\n}"


def _arxiv(number: str) -> dict[str, str]:
    return {"eprint": number, "archiveprefix": "arXiv"}


REFERENCES = {
    "paszke2019pytorch": Reference(
        "inproceedings",
        {
            "author": "Paszke, Adam and Gross, Sam and Massa, Francisco and others",
            "title": "{PyTorch}: An Imperative Style, High-Performance Deep Learning Library",
            "booktitle": "Advances in Neural Information Processing Systems",
            "volume": "32",
            "year": "2019",
            **_arxiv("1912.01703"),
        },
    ),
    "wightman2019timm": Reference(
        "misc",
        {
            "author": "Wightman, Ross",
            "title": "{PyTorch} Image Models",
            "year": "2019",
            "doi": "10.5281/zenodo.4414861",
        },
    ),
    "sandler2018mobilenetv2": Reference(
        "inproceedings",
        {
            "author": "Sandler, Mark and Howard, Andrew and Zhu, Menglong and Zhmoginov, Andrey and Chen, Liang-Chieh",
            "title": "{MobileNetV2}: Inverted Residuals and Linear Bottlenecks",
            "booktitle": "Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern Recognition",
            "pages": "4510--4520",
            "year": "2018",
            **_arxiv("1801.04381"),
        },
    ),
    "tan2019efficientnet": Reference(
        "inproceedings",
        {
            "author": "Tan, Mingxing and Le, Quoc V.",
            "title": "{EfficientNet}: Rethinking Model Scaling for Convolutional Neural Networks",
            "booktitle": "Proceedings of the 36th International Conference on Machine Learning",
            "volume": "97",
            "pages": "6105--6114",
            "year": "2019",
            **_arxiv("1905.11946"),
        },
    ),
    "pedregosa2011scikit": Reference(
        "article",
        {
            "author": 'Pedregosa, Fabian and Varoquaux, Ga{\\"e}l and Gramfort, Alexandre and others',
            "title": "Scikit-learn: Machine Learning in {Python}",
            "journal": "Journal of Machine Learning Research",
            "volume": "12",
            "pages": "2825--2830",
            "year": "2011",
        },
    ),
    "loshchilov2019adamw": Reference(
        "inproceedings",
        {
            "author": "Loshchilov, Ilya and Hutter, Frank",
            "title": "Decoupled Weight Decay Regularization",
            "booktitle": "International Conference on Learning Representations",
            "year": "2019",
            **_arxiv("1711.05101"),
        },
    ),
    "loshchilov2017sgdr": Reference(
        "inproceedings",
        {
            "author": "Loshchilov, Ilya and Hutter, Frank",
            "title": "{SGDR}: Stochastic Gradient Descent with Warm Restarts",
            "booktitle": "International Conference on Learning Representations",
            "year": "2017",
            **_arxiv("1608.03983"),
        },
    ),
    "clark2020electra": Reference(
        "inproceedings",
        {
            "author": "Clark, Kevin and Luong, Minh-Thang and Le, Quoc V. and Manning, Christopher D.",
            "title": "{ELECTRA}: Pre-training Text Encoders as Discriminators Rather Than Generators",
            "booktitle": "International Conference on Learning Representations",
            "year": "2020",
            **_arxiv("2003.10555"),
        },
    ),
    "szegedy2016rethinking": Reference(
        "inproceedings",
        {
            "author": "Szegedy, Christian and Vanhoucke, Vincent and Ioffe, Sergey and Shlens, Jon and Wojna, Zbigniew",
            "title": "Rethinking the Inception Architecture for Computer Vision",
            "booktitle": "IEEE Conference on Computer Vision and Pattern Recognition",
            "pages": "2818--2826",
            "year": "2016",
            "doi": "10.1109/CVPR.2016.308",
            **_arxiv("1512.00567"),
        },
    ),
    "huang2016stochastic": Reference(
        "inproceedings",
        {
            "author": "Huang, Gao and Sun, Yu and Liu, Zhuang and Sedra, Daniel and Weinberger, Kilian Q.",
            "title": "Deep Networks with Stochastic Depth",
            "booktitle": "European Conference on Computer Vision",
            "volume": "9908",
            "pages": "646--661",
            "year": "2016",
            "doi": "10.1007/978-3-319-46493-0_39",
            **_arxiv("1603.09382"),
        },
    ),
    "polyak1992averaging": Reference(
        "article",
        {
            "author": "Polyak, Boris T. and Juditsky, Anatoli B.",
            "title": "Acceleration of Stochastic Approximation by Averaging",
            "journal": "SIAM Journal on Control and Optimization",
            "volume": "30",
            "number": "4",
            "pages": "838--855",
            "year": "1992",
            "doi": "10.1137/0330046",
        },
    ),
    "zhang2018mixup": Reference(
        "inproceedings",
        {
            "author": "Zhang, Hongyi and Cisse, Moustapha and Dauphin, Yann N. and Lopez-Paz, David",
            "title": "mixup: Beyond Empirical Risk Minimization",
            "booktitle": "International Conference on Learning Representations",
            "year": "2018",
            **_arxiv("1710.09412"),
        },
    ),
    "yun2019cutmix": Reference(
        "inproceedings",
        {
            "author": "Yun, Sangdoo and Han, Dongyoon and Oh, Seong Joon and Chun, Sanghyuk and Choe, Junsuk and "
            "Yoo, Youngjoon",
            "title": "{CutMix}: Regularization Strategy to Train Strong Classifiers with Localizable Features",
            "booktitle": "IEEE/CVF International Conference on Computer Vision",
            "year": "2019",
            **_arxiv("1905.04899"),
        },
    ),
    "lin2017focal": Reference(
        "inproceedings",
        {
            "author": "Lin, Tsung-Yi and Goyal, Priya and Girshick, Ross and He, Kaiming and Doll{\\'a}r, Piotr",
            "title": "Focal Loss for Dense Object Detection",
            "booktitle": "IEEE International Conference on Computer Vision",
            "year": "2017",
            "doi": "10.1109/ICCV.2017.324",
            **_arxiv("1708.02002"),
        },
    ),
    "ren2020balanced": Reference(
        "inproceedings",
        {
            "author": "Ren, Jiawei and Yu, Cunjun and Sheng, Shunan and Ma, Xiao and Zhao, Haiyu and Yi, Shuai and "
            "Li, Hongsheng",
            "title": "Balanced Meta-Softmax for Long-Tailed Visual Recognition",
            "booktitle": "Advances in Neural Information Processing Systems",
            "volume": "33",
            "pages": "4175--4186",
            "year": "2020",
            **_arxiv("2007.10740"),
        },
    ),
    "guo2017calibration": Reference(
        "inproceedings",
        {
            "author": "Guo, Chuan and Pleiss, Geoff and Sun, Yu and Weinberger, Kilian Q.",
            "title": "On Calibration of Modern Neural Networks",
            "booktitle": "International Conference on Machine Learning",
            "volume": "70",
            "pages": "1321--1330",
            "year": "2017",
            **_arxiv("1706.04599"),
        },
    ),
    "sadinle2019least": Reference(
        "article",
        {
            "author": "Sadinle, Mauricio and Lei, Jing and Wasserman, Larry",
            "title": "Least Ambiguous Set-Valued Classifiers With Bounded Error Levels",
            "journal": "Journal of the American Statistical Association",
            "volume": "114",
            "number": "525",
            "pages": "223--234",
            "year": "2019",
            "doi": "10.1080/01621459.2017.1395341",
            **_arxiv("1609.00451"),
        },
    ),
    "sun2022knn": Reference(
        "inproceedings",
        {
            "author": "Sun, Yiyou and Ming, Yifei and Zhu, Xiaojin and Li, Yixuan",
            "title": "Out-of-Distribution Detection with Deep Nearest Neighbors",
            "booktitle": "International Conference on Machine Learning",
            "volume": "162",
            "pages": "20827--20840",
            "year": "2022",
            **_arxiv("2204.06507"),
        },
    ),
    "deng2009imagenet": Reference(
        "inproceedings",
        {
            "author": "Deng, Jia and Dong, Wei and Socher, Richard and Li, Li-Jia and Li, Kai and Fei-Fei, Li",
            "title": "{ImageNet}: A Large-Scale Hierarchical Image Database",
            "booktitle": "Conference on Computer Vision and Pattern Recognition",
            "pages": "248--255",
            "year": "2009",
            "doi": "10.1109/CVPR.2009.5206848",
        },
    ),
    "lee2018mahalanobis": Reference(
        "inproceedings",
        {
            "author": "Lee, Kimin and Lee, Kibok and Lee, Honglak and Shin, Jinwoo",
            "title": "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks",
            "booktitle": "Advances in Neural Information Processing Systems",
            "volume": "31",
            "year": "2018",
            **_arxiv("1807.03888"),
        },
    ),
    "ren2021relative": Reference(
        "misc",
        {
            "author": "Ren, Jie and Fort, Stanislav and Liu, Jeremiah and others",
            "title": "A Simple Fix to {Mahalanobis} Distance for Improving Near-{OOD} Detection",
            "year": "2021",
            **_arxiv("2106.09022"),
        },
    ),
    "wang2022vim": Reference(
        "inproceedings",
        {
            "author": "Wang, Haoqi and Li, Zhizhong and Feng, Litong and Zhang, Wayne",
            "title": "{ViM}: Out-of-Distribution with Virtual-Logit Matching",
            "booktitle": "IEEE/CVF Conference on Computer Vision and Pattern Recognition",
            "year": "2022",
            **_arxiv("2203.10807"),
        },
    ),
    "liu2020energy": Reference(
        "inproceedings",
        {
            "author": "Liu, Weitang and Wang, Xiaoyun and Owens, John and Li, Yixuan",
            "title": "Energy-based Out-of-distribution Detection",
            "booktitle": "Advances in Neural Information Processing Systems",
            "volume": "33",
            "year": "2020",
            **_arxiv("2010.03759"),
        },
    ),
    "tibshirani2019covariate": Reference(
        "inproceedings",
        {
            "author": "Tibshirani, Ryan J. and Foygel Barber, Rina and Cand{\\`e}s, Emmanuel J. and Ramdas, Aaditya",
            "title": "Conformal Prediction Under Covariate Shift",
            "booktitle": "Advances in Neural Information Processing Systems",
            "volume": "32",
            "year": "2019",
            **_arxiv("1904.06019"),
        },
    ),
    "wilson1927inference": Reference(
        "article",
        {
            "author": "Wilson, Edwin B.",
            "title": "Probable Inference, the Law of Succession, and Statistical Inference",
            "journal": "Journal of the American Statistical Association",
            "volume": "22",
            "number": "158",
            "pages": "209--212",
            "year": "1927",
            "doi": "10.1080/01621459.1927.10502953",
        },
    ),
    "nguyen2015posterior": Reference(
        "inproceedings",
        {
            "author": "Nguyen, Khanh and O'Connor, Brendan",
            "title": "Posterior Calibration and Exploratory Analysis for Natural Language Processing Models",
            "booktitle": "Conference on Empirical Methods in Natural Language Processing",
            "pages": "1587--1598",
            "year": "2015",
            "doi": "10.18653/v1/D15-1182",
            **_arxiv("1508.05154"),
        },
    ),
    "chen2020simclr": Reference(
        "inproceedings",
        {
            "author": "Chen, Ting and Kornblith, Simon and Norouzi, Mohammad and Hinton, Geoffrey",
            "title": "A Simple Framework for Contrastive Learning of Visual Representations",
            "booktitle": "International Conference on Machine Learning",
            "pages": "1597--1607",
            "year": "2020",
            **_arxiv("2002.05709"),
        },
    ),
    "yeh2022decoupled": Reference(
        "inproceedings",
        {
            "author": "Yeh, Chun-Hsiao and Hong, Cheng-Yao and Hsu, Yen-Chi and Liu, Tyng-Luh and Chen, Yubei and "
            "LeCun, Yann",
            "title": "Decoupled Contrastive Learning",
            "booktitle": "European Conference on Computer Vision",
            "year": "2022",
            "doi": "10.1007/978-3-031-19809-0_38",
            **_arxiv("2110.06848"),
        },
    ),
    "he2022mae": Reference(
        "inproceedings",
        {
            "author": "He, Kaiming and Chen, Xinlei and Xie, Saining and Li, Yanghao and Doll{\\'a}r, Piotr and "
            "Girshick, Ross",
            "title": "Masked Autoencoders Are Scalable Vision Learners",
            "booktitle": "IEEE/CVF Conference on Computer Vision and Pattern Recognition",
            "pages": "16000--16009",
            "year": "2022",
            **_arxiv("2111.06377"),
        },
    ),
    "ryali2023hiera": Reference(
        "inproceedings",
        {
            "author": "Ryali, Chaitanya and Hu, Yuan-Ting and Bolya, Daniel and Wei, Chen and Fan, Haoqi and "
            "Huang, Po-Yao and Aggarwal, Vaibhav and Chowdhury, Arkabandhu and Poursaeed, Omid and Hoffman, Judy and "
            "Malik, Jitendra and Li, Yanghao and Feichtenhofer, Christoph",
            "title": "{Hiera}: A Hierarchical Vision Transformer without the Bells-and-Whistles",
            "booktitle": "International Conference on Machine Learning",
            "pages": "29441--29454",
            "year": "2023",
            **_arxiv("2306.00989"),
        },
    ),
    "das2024limited": Reference(
        "inproceedings",
        {
            "author": "Das, Srijan and Jain, Tanmay and Reilly, Dominick and Balaji, Pranav and "
            "Karmakar, Soumyajit and Marjit, Shyam and Li, Xiang and Das, Abhijit and Ryoo, Michael S.",
            "title": "Limited Data, Unlimited Potential: A Study on {ViTs} Augmented by Masked Autoencoders",
            "booktitle": "IEEE/CVF Winter Conference on Applications of Computer Vision",
            "pages": "6878--6888",
            "year": "2024",
            **_arxiv("2310.20704"),
        },
    ),
    "hinton2015distilling": Reference(
        "misc",
        {
            "author": "Hinton, Geoffrey and Vinyals, Oriol and Dean, Jeff",
            "title": "Distilling the Knowledge in a Neural Network",
            "year": "2015",
            **_arxiv("1503.02531"),
        },
    ),
    "hughes2015plantvillage": Reference(
        "misc",
        {
            "author": "Hughes, David P. and Salath{\\'e}, Marcel",
            "title": "An Open Access Repository of Images on Plant Health to Enable the Development of Mobile Disease "
            "Diagnostics",
            "year": "2015",
            **_arxiv("1511.08060"),
        },
    ),
    "singh2020plantdoc": Reference(
        "inproceedings",
        {
            "author": "Singh, Davinder and Jain, Naman and Jain, Pranjali and Kayal, Pratik and Kumawat, Sudhakar and "
            "Batra, Nipun",
            "title": "{PlantDoc}: A Dataset for Visual Plant Disease Detection",
            "booktitle": "Proceedings of the 7th ACM IKDD CoDS and 25th COMAD",
            "pages": "249--253",
            "year": "2020",
            "doi": "10.1145/3371158.3371196",
            **_arxiv("1911.10317"),
        },
    ),
    "esgario2020coffee": Reference(
        "article",
        {
            "author": "Esgario, Jos{\\'e} G. M. and Krohling, Renato A. and Ventura, Jos{\\'e} A.",
            "title": "Deep Learning for Classification and Severity Estimation of Coffee Leaf Biotic Stress",
            "journal": "Computers and Electronics in Agriculture",
            "volume": "169",
            "pages": "105162",
            "year": "2020",
            "doi": "10.1016/j.compag.2019.105162",
            **_arxiv("1907.11561"),
        },
    ),
}
# Patterns of data sets, in folder names or in recorded licences.
DATA_SETS = {
    "hughes2015plantvillage": r"plant[-_ ]?village|hughes",
    "singh2020plantdoc": r"plantdoc",
    "esgario2020coffee": r"esgario|bracol|lara2018",
}


def cited_for(data_set: str, licence: str) -> list[str]:
    """Keys of the references for a data set, found by its name or licence."""
    mentioned = f"{data_set} {licence}".lower()
    return [key for key, pattern in DATA_SETS.items() if re.search(pattern, mentioned)]


def tool(commit: str | None) -> Reference:
    """BibTeX entry of this program.

    Args:
        commit: of the code that made the run, where it was recorded.
    """
    version = {} if commit is None else {"version": f"commit {commit[:12]}"}
    return Reference(
        "software",
        {
            "author": "{The HViT authors}",
            "title": "{HViT}: a leaf-disease workbench around a hierarchical vision transformer",
            **version,
            "note": "MIT license",
        },
    )


TOOL = "hvit"


def bibliography(keys: Iterable[str], commit: str | None) -> str:
    """BibTeX of the cited works and of this program, each once, in citation order."""
    entries = REFERENCES | {TOOL: tool(commit)}
    return "\n\n".join(entries[key].bibtex(key) for key in dict.fromkeys([*keys, TOOL]))
