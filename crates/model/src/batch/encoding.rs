//! Another encoding of the same values: a label as plain text or as a dictionary, a map whose parts have other names.
//! No value changes, and nothing else is converted.
//!
//! `arrow-cast` converts any type into any other. Compiling that takes long, and these are all that is used.

use std::sync::Arc;

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, MapArray, StructArray};
use arrow_schema::{ArrowError, DataType, FieldRef};
use arrow_select::take::take;

/// Returns the column in the encoding that `wanted` has. A dictionary that is made has each value once, in the order of
/// their first use.
///
/// # Errors
/// Where `wanted` is not another encoding of the column's own type.
pub fn encoded_as(column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, ArrowError> {
    match (column.data_type(), wanted) {
        (own, wanted) if own == wanted => Ok(Arc::clone(column)),
        (DataType::Dictionary(_, values), wanted) if values.as_ref() == wanted => {
            let labels = column.as_any_dictionary();
            take(labels.values(), labels.keys(), None)
        }
        (DataType::Utf8, DataType::Dictionary(keys, values)) if is_label(keys, values) => {
            let mut labels = StringDictionaryBuilder::<Int32Type>::new();
            labels.extend(column.as_string::<i32>());
            Ok(Arc::new(labels.finish()))
        }
        (DataType::Map(..), DataType::Map(entries, is_sorted)) => renamed(column.as_map(), entries, *is_sorted),
        (own, wanted) => Err(ArrowError::CastError(format!("{own} is not another encoding of {wanted}"))),
    }
}

/// A map whose parts have the names of `entries`.
fn renamed(map: &MapArray, entries: &FieldRef, is_sorted: bool) -> Result<ArrayRef, ArrowError> {
    let DataType::Struct(parts) = entries.data_type() else {
        return Err(ArrowError::CastError(format!("{entries} does not declare the parts of a map")));
    };
    let (_, columns, nulls) = map.entries().clone().into_parts();
    let columns = columns.iter().zip(parts).map(|(column, part)| encoded_as(column, part.data_type()));
    let columns = columns.collect::<Result<_, ArrowError>>()?;
    let renamed = StructArray::try_new(parts.clone(), columns, nulls)?;
    let nulls = map.nulls().cloned();
    Ok(Arc::new(MapArray::try_new(Arc::clone(entries), map.offsets().clone(), renamed, nulls, is_sorted)?))
}

fn is_label(keys: &DataType, values: &DataType) -> bool {
    (keys, values) == (&DataType::Int32, &DataType::Utf8)
}

#[cfg(test)]
mod tests {
    use arrow_array::builder::{MapBuilder, MapFieldNames, StringBuilder};
    use arrow_array::{Int64Array, StringArray};

    use super::*;
    use crate::columns::ColumnKind;

    fn texts() -> ArrayRef {
        Arc::new(StringArray::from(vec![Some("shop"), None, Some(""), Some("shop"), Some("cart")]))
    }

    #[test]
    fn a_label_is_a_dictionary_and_plain_text_again() {
        let label = encoded_as(&texts(), &ColumnKind::Label.arrow()).unwrap();
        assert_eq!(label.data_type(), &ColumnKind::Label.arrow());
        assert_eq!(
            label.as_dictionary::<Int32Type>().values().as_string::<i32>(),
            &StringArray::from(vec!["shop", "", "cart"])
        );
        assert_eq!(label.null_count(), 1);
        assert_eq!(&encoded_as(&label, &DataType::Utf8).unwrap(), &texts());
        let part = label.slice(1, 3);
        assert_eq!(&encoded_as(&part, &DataType::Utf8).unwrap(), &texts().slice(1, 3), "of a part, too");
        assert_eq!(&encoded_as(&texts(), &DataType::Utf8).unwrap(), &texts(), "what is so already stays");
    }

    #[test]
    fn a_map_takes_the_declared_names_of_its_parts() {
        let names = MapFieldNames { entry: "key_value".into(), key: "key".into(), value: "value".into() };
        let mut map = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
        for rows in [vec![("a", Some("1")), ("b", None)], vec![], vec![("c", Some(""))]] {
            for (key, value) in &rows {
                map.keys().append_value(key);
                map.values().append_option(*value);
            }
            map.append(!rows.is_empty()).unwrap();
        }
        let map: ArrayRef = Arc::new(map.finish());
        assert_ne!(map.data_type(), &ColumnKind::Map.arrow());
        let declared = encoded_as(&map, &ColumnKind::Map.arrow()).unwrap();
        assert_eq!(declared.data_type(), &ColumnKind::Map.arrow());
        let (before, after) = (map.as_map(), declared.as_map());
        assert_eq!((before.keys(), before.values()), (after.keys(), after.values()));
        assert_eq!((before.offsets(), before.nulls()), (after.offsets(), after.nulls()));
    }

    #[test]
    fn nothing_else_is_converted() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        for wanted in [DataType::Int32, DataType::Utf8, ColumnKind::Label.arrow(), ColumnKind::Map.arrow()] {
            assert!(encoded_as(&numbers, &wanted).is_err(), "{wanted}");
        }
        let wide = DataType::Dictionary(Box::new(DataType::Int64), Box::new(DataType::Utf8));
        assert!(encoded_as(&texts(), &wide).is_err());
    }
}
