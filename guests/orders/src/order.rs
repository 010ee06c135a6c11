//! Orders as they are kept: one key holds the whole of each, and it changes only by compare-and-swap.
//!
//! Keys of the bucket: `order-ids` is the counter ids come from, `order:<id>` holds an [`Order`].
//! An id that was counted and never used is a gap and nothing else.

use json_service::ports::Ports;
use json_service::problem::Problem;
use json_service::store::{self, Change, Created, StoreError};
use json_service::text::{hex, rfc3339};
use serde::{Deserialize, Serialize};

use crate::basket::{Basket, Item};

/// The counter of ids.
const IDS: &str = "order-ids";
/// Random bytes in the id of a payment: no two are ever equal.
const PAYMENT_ID_BYTES: usize = 16;

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It waits to be paid.
    Created,
    /// It is paid, for good.
    Paid,
    /// It was cancelled before it was paid, for good.
    Cancelled,
}

/// An order, as it is kept and as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The id, from 1 upwards.
    pub order_id: u64,
    /// Whose it is.
    pub user_id: u64,
    /// What was ordered.
    pub items: Vec<Item>,
    /// What it costs, in minor units.
    pub total: u64,
    /// How far it has come.
    pub status: Status,
    /// When it was made, RFC 3339 in UTC.
    pub created_at: String,
    /// The payment, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    /// When it was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<String>,
    /// When it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<String>,
}

/// What became of an attempt to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payment {
    /// It is paid, now or before.
    Paid {
        /// The one payment there is for it.
        payment_id: String,
    },
    /// It was cancelled before.
    Cancelled,
}

/// What became of an attempt to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancellation {
    /// It is cancelled, now or before.
    Cancelled {
        /// What it would have cost, in minor units.
        total: u64,
    },
    /// It was paid before.
    Paid,
}

impl Order {
    /// A new order with an id of its own, which is not kept yet.
    ///
    /// # Errors
    /// Every [`StoreError`].
    pub fn new(ports: Ports<'_>, user_id: u64, basket: Basket) -> Result<Self, StoreError> {
        Ok(Self {
            order_id: ports.store.next(IDS)?,
            user_id,
            items: basket.items,
            total: basket.total,
            status: Status::Created,
            created_at: rfc3339(ports.clock.now()),
            payment_id: None,
            paid_at: None,
            cancelled_at: None,
        })
    }

    /// Keeps a new order; one that is kept already stays as it is, whatever became of it.
    ///
    /// # Errors
    /// Every [`StoreError`], among them a different order of this id.
    pub fn keep(&self, ports: Ports<'_>) -> Result<(), StoreError> {
        let key = key(self.order_id);
        match store::create(ports.store, &key, self)? {
            Created::New => Ok(()),
            Created::Exists(kept) if kept.user_id == self.user_id && kept.items == self.items => Ok(()),
            Created::Exists(_) => Err(StoreError::Damaged { key, reason: "it is a different order".to_owned() }),
        }
    }
}

/// The order of that id.
///
/// # Errors
/// 404 if there is none; 503 if the state cannot be read.
pub fn find(ports: Ports<'_>, order_id: u64) -> Result<Order, Problem> {
    store::read(ports.store, &key(order_id))?.ok_or_else(no_such_order)
}

/// Pays an order, once: who comes second gets the first payment.
///
/// # Errors
/// As [`find`].
pub fn pay(ports: Ports<'_>, order_id: u64) -> Result<Payment, Problem> {
    let payment_id = format!("pay_{}", hex(&ports.random.bytes(PAYMENT_ID_BYTES)));
    let paid_at = rfc3339(ports.clock.now());
    let paid =
        store::change(ports.store, &key(order_id), |order: &mut Order| match (order.status, &order.payment_id) {
            (Status::Cancelled, _) => Change::Keep(Payment::Cancelled),
            (Status::Paid, Some(payment_id)) => Change::Keep(Payment::Paid { payment_id: payment_id.clone() }),
            (Status::Created, _) | (Status::Paid, None) => {
                order.status = Status::Paid;
                order.payment_id = Some(payment_id.clone());
                order.paid_at = Some(paid_at.clone());
                Change::Write(Payment::Paid { payment_id: payment_id.clone() })
            }
        })?;
    paid.ok_or_else(no_such_order)
}

/// Cancels an order that is not paid.
///
/// # Errors
/// As [`find`].
pub fn cancel(ports: Ports<'_>, order_id: u64) -> Result<Cancellation, Problem> {
    let cancelled_at = rfc3339(ports.clock.now());
    let cancelled = store::change(ports.store, &key(order_id), |order: &mut Order| {
        let cancelled = Cancellation::Cancelled { total: order.total };
        match order.status {
            Status::Paid => Change::Keep(Cancellation::Paid),
            Status::Cancelled => Change::Keep(cancelled),
            Status::Created => {
                order.status = Status::Cancelled;
                order.cancelled_at = Some(cancelled_at.clone());
                Change::Write(cancelled)
            }
        }
    })?;
    cancelled.ok_or_else(no_such_order)
}

/// 404 that names the field.
pub fn no_such_order() -> Problem {
    use json_service::place::Refusal;
    Problem::new(404, "no-such-order", "No such order", "no order has this id")
        .refusing(Refusal::outside("order_id", "is not the id of an order"))
}

fn key(order_id: u64) -> String {
    format!("order:{order_id}")
}
