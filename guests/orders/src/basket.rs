//! What somebody wants to order, checked: the items and their total.

use json_service::checks::{Checks, LARGEST_INTEGER};
use json_service::document::{Object, Shape, Value};
use json_service::place::Place;
use serde::{Deserialize, Serialize};

/// Most items of one order: it must fit one value of the store (1 MiB) even with the longest skus.
const ITEMS_MAX: usize = 1000;
/// Most characters of a sku.
const SKU_MAX: usize = 64;
/// Most pieces of one item; more is a mistake.
const QUANTITY_MAX: u64 = 1_000_000;

static ITEM: Shape =
    Shape::Object(&[("sku", Shape::Scalar), ("quantity", Shape::Scalar), ("unit_price", Shape::Scalar)]);

/// What is read of the body of an order.
pub static ORDER: Shape =
    Shape::Object(&[("user_id", Shape::Scalar), ("items", Shape::List { of: &ITEM, at_most: ITEMS_MAX })]);

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it is.
    pub sku: String,
    /// How many of it.
    pub quantity: u64,
    /// What one costs, in minor units.
    pub unit_price: u64,
}

/// All the items of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basket {
    /// The items, as they came.
    pub items: Vec<Item>,
    /// What they cost together, in minor units.
    pub total: u64,
}

/// Takes the items out of a body of the shape [`ORDER`], or notes what is wrong with them.
pub fn take(checks: &mut Checks, body: &Object) -> Option<Basket> {
    let root = Place::root();
    let place = root.name("items");
    let values = checks.list(body, &root, "items", 1)?;
    let items: Vec<Option<Item>> =
        values.iter().enumerate().map(|(index, value)| item(checks, value, &place.index(index))).collect();
    let items: Vec<Item> = items.into_iter().collect::<Option<_>>()?;
    let Some(total) = total(&items) else {
        checks.refuse(&place, format!("must cost at most {LARGEST_INTEGER} together"));
        return None;
    };
    Some(Basket { items, total })
}

fn item(checks: &mut Checks, value: &Value, place: &Place) -> Option<Item> {
    let object = checks.object(value, place)?;
    let sku = checks.text(object, place, "sku").and_then(|text| sku(checks, &place.name("sku"), text));
    let quantity = checks.integer(object, place, "quantity", 1..=QUANTITY_MAX);
    let unit_price = checks.integer(object, place, "unit_price", 0..=LARGEST_INTEGER);
    Some(Item { sku: sku?, quantity: quantity?, unit_price: unit_price? })
}

fn sku(checks: &mut Checks, place: &Place, sku: &str) -> Option<String> {
    let length = sku.chars().take(SKU_MAX + 1).count();
    if !(1..=SKU_MAX).contains(&length) {
        checks.refuse(place, format!("must have 1 to {SKU_MAX} characters"));
    } else if sku.chars().any(char::is_control) {
        checks.refuse(place, "must not contain control characters");
    } else {
        return Some(sku.to_owned());
    }
    None
}

/// The sum, if it is an integer that every JSON reader keeps exactly.
fn total(items: &[Item]) -> Option<u64> {
    items
        .iter()
        .try_fold(0_u64, |total, item| total.checked_add(item.quantity.checked_mul(item.unit_price)?))
        .filter(|total| *total <= LARGEST_INTEGER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_beyond_what_json_keeps_is_none() {
        let item = |quantity, unit_price| Item { sku: "a".to_owned(), quantity, unit_price };
        for (items, expected) in [
            (vec![item(3, 250), item(1, 99)], Some(849)),
            (vec![item(1, LARGEST_INTEGER)], Some(LARGEST_INTEGER)),
            (vec![item(1, LARGEST_INTEGER), item(1, 1)], None),
            (vec![item(QUANTITY_MAX, LARGEST_INTEGER)], None),
            (vec![item(QUANTITY_MAX, 9_007_199_254), item(1, 740_991)], Some(LARGEST_INTEGER)),
            (vec![item(5, 0)], Some(0)),
        ] {
            assert_eq!(total(&items), expected, "{items:?}");
        }
    }
}
