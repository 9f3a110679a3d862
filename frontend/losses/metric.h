// Losses of distances between embeddings.
#pragma once

#include <gradus/losses/reduction.h>

namespace gradus::losses {

/// Σ a · b / (|a| · |b|) along an axis, lengths below eps counting as eps: finite for zero vectors,
/// gradients too.
Tensor cosine_similarity(Arg predictions, Arg targets, Reduction reduction = Reduction::None,
                         int axis = -1, double eps = 1e-8);
/// 1 - cosine_similarity.
Tensor cosine_distance(Arg predictions, Arg targets, Reduction reduction = Reduction::None,
                       int axis = -1, double eps = 1e-8);
/// For pairs with target 1: 1 - similarity; with -1: max(0, similarity - margin) (PyTorch).
Tensor cosine_embedding_loss(Arg a, Arg b, Arg targets, double margin = 0,
                             Reduction reduction = Reduction::None);

/// max(0, d(anchor, positive) - d(anchor, negative) + margin), d = (Σ |x - y|^p + eps)^(1/p) along
/// the axis (Balntas et al. 2016; as in Optax).
Tensor triplet_margin_loss(Arg anchors, Arg positives, Arg negatives, double margin = 1,
                           Reduction reduction = Reduction::None, int axis = -1, double p = 2,
                           double eps = 1e-6);
/// (1 - different) · d² + different · max(0, margin - d)² for distances d of pairs (Flux's
/// siamese_contrastive_loss; Hadsell, Chopra and LeCun 2006).
Tensor siamese_contrastive_loss(Arg distances, Arg different, double margin = 1,
                                Reduction reduction = Reduction::None);
/// max(0, -target · (a - b) + margin): target 1 where a should rank higher, -1 where b (PyTorch).
Tensor margin_ranking_loss(Arg a, Arg b, Arg targets, double margin = 0,
                           Reduction reduction = Reduction::None);
/// The softmax cross entropy of a list's scores (last axis) against its relevances (Cao et al.
/// 2007; Optax's ranking_softmax_loss).
Tensor ranking_softmax_loss(Arg scores, Arg relevances, Reduction reduction = Reduction::Mean);
/// Normalised temperature-scaled cross entropy of embeddings f[n,d] with integer labels [n]: the
/// mean over pairs of one label of -log(exp(s) / (exp(s) + Σ exp(s of other labels))), s being
/// cosine similarity / temperature (Chen et al. 2020, arXiv:2002.05709; as in Optax). NaN if no two
/// have one label.
Tensor ntxent(Arg embeddings, Arg labels, double temperature = 0.07);

}  // namespace gradus::losses
