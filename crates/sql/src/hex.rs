//! Ids in queries: binary in the files, lowercase hex in SQL.
//!
//! `hex_id` turns one into the other and gives the planner the way back, so that `trace_id = '4bf9…'` is compared in
//! binary and prunes files, pages and rows.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{Array, BooleanArray, FixedSizeBinaryArray};
use arrow_schema::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};

/// `hex_id(id)`: a fixed-size binary as lowercase hex; null stays null.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct HexId {
    signature: Signature,
}

impl HexId {
    /// The function.
    pub(crate) fn udf() -> ScalarUDF {
        ScalarUDF::from(Self { signature: Signature::any(1, Volatility::Immutable) })
    }
}

impl ScalarUDFImpl for HexId {
    fn name(&self) -> &'static str {
        "hex_id"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let ids = id_argument(&args)?;
        let ids = fixed(&ids)?;
        let width = ids.value_length() as usize * 2;
        let mut text = StringBuilder::with_capacity(ids.len(), ids.len() * width);
        for id in ids {
            match id {
                None => text.append_null(),
                Some(bytes) => {
                    for byte in bytes {
                        write!(text, "{byte:02x}").expect("writing to memory does not fail");
                    }
                    text.append_value("");
                }
            }
        }
        Ok(ColumnarValue::Array(Arc::new(text.finish())))
    }
}

/// Rewrites `hex_id(column) = 'text'` and `hex_id(column) IN ('text', …)` to comparisons in binary. A text that is no
/// id of that length equals nothing, and the comparison stays as it is.
pub(crate) fn compare_in_binary(expression: &Expr) -> Option<Expr> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::Eq | Operator::NotEq), right }) => {
            let (id, text) =
                hex_argument(left).zip(text_of(right)).or_else(|| hex_argument(right).zip(text_of(left)))?;
            let literal = binary_literal(text)?;
            Some(Expr::BinaryExpr(BinaryExpr { left: Box::new(id.clone()), op: *op, right: Box::new(literal) }))
        }
        Expr::InList(InList { expr, list, negated }) => {
            let id = hex_argument(expr)?;
            let list =
                list.iter().map(|member| text_of(member).and_then(binary_literal)).collect::<Option<Vec<_>>>()?;
            Some(Expr::InList(InList { expr: Box::new(id.clone()), list, negated: *negated }))
        }
        _ => None,
    }
}

fn hex_argument(expression: &Expr) -> Option<&Expr> {
    match expression {
        Expr::ScalarFunction(call) if call.func.name() == "hex_id" => call.args.first(),
        _ => None,
    }
}

fn text_of(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => Some(text),
        _ => None,
    }
}

fn binary_literal(text: &str) -> Option<Expr> {
    if text.bytes().any(|digit| digit.is_ascii_uppercase()) {
        return None;
    }
    let bytes: Vec<u8> = match text.len() {
        32 => text.parse::<kino_model::TraceId>().ok()?.0.to_vec(),
        16 => text.parse::<kino_model::SpanId>().ok()?.0.to_vec(),
        _ => return None,
    };
    Some(lit(ScalarValue::FixedSizeBinary(bytes.len() as i32, Some(bytes))))
}

/// `counts(trace_id)`: whether a file's row still counts, that is, its trace is not among the replaced ones.
#[derive(Debug)]
pub(crate) struct Counts {
    signature: Signature,
    replaced: Arc<HashSet<[u8; 16]>>,
}

impl Counts {
    /// The function for one snapshot.
    pub(crate) fn udf(replaced: Arc<HashSet<[u8; 16]>>) -> ScalarUDF {
        ScalarUDF::from(Self { signature: Signature::any(1, Volatility::Immutable), replaced })
    }
}

impl PartialEq for Counts {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.replaced, &other.replaced)
    }
}

impl Eq for Counts {}

impl Hash for Counts {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.replaced).hash(state);
    }
}

impl ScalarUDFImpl for Counts {
    fn name(&self) -> &'static str {
        "counts"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let ids = id_argument(&args)?;
        let ids = fixed(&ids)?;
        let counts = ids.iter().map(|id| Some(!id.is_some_and(|id| self.replaced.contains(id))));
        Ok(ColumnarValue::Array(Arc::new(counts.collect::<BooleanArray>())))
    }
}

fn id_argument(args: &ScalarFunctionArgs) -> Result<Arc<dyn Array>> {
    let [id] = args.args.as_slice() else { return exec_err!("one id was expected") };
    id.to_array(args.number_rows)
}

fn fixed(array: &Arc<dyn Array>) -> Result<&FixedSizeBinaryArray> {
    let Some(ids) = array.as_any().downcast_ref() else {
        return exec_err!("an id was expected, found {}", array.data_type());
    };
    Ok(ids)
}
