from collections.abc import Sequence
from typing import Any

import jax
from jax.lax import ConvDimensionNumbers
from jax.typing import ArrayLike

def conv_general_dilated(
    lhs: ArrayLike, rhs: ArrayLike, window_strides: Sequence[int], padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = ..., rhs_dilation: Sequence[int] | None = ...,
    dimension_numbers: tuple[str, str, str] | ConvDimensionNumbers | None = ..., feature_group_count: int = ...,
    batch_group_count: int = ..., precision: Any = ..., preferred_element_type: Any = ...
) -> jax.Array: ...
