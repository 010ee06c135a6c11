//! The HTTP face: which request does what, and how it is answered.

use json_service::answer::Answer;
use json_service::checks::{Checks, LARGEST_INTEGER};
use json_service::conditional::answer_unless_known;
use json_service::document::Shape;
use json_service::place::{Place, Refusal};
use json_service::ports::{Calls, Ports};
use json_service::problem::Problem;
use json_service::request::Request;
use json_service::routes::{Route, find};
use json_service::text;
use serde::Serialize;

use crate::basket::{self, Basket};
use crate::customers;
use crate::idempotency::{self, Found, Slip};
use crate::order::{self, Cancellation, Order, Payment, Status};
use crate::token::{self, Caller};

static PAYMENT: Shape = Shape::Object(&[("order_id", Shape::Scalar)]);

/// What is answered to who did something to an order.
#[derive(Serialize)]
struct Receipt<'a> {
    message: &'a str,
    order_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<&'a str>,
    total: u64,
    status: Status,
}

#[derive(Debug, Clone, Copy)]
enum Endpoint {
    Order,
    OrderOf,
    Show,
    Cancel,
    Pay,
}

static ROUTES: [Route<Endpoint>; 5] = [
    Route { method: "POST", path: "/order", endpoint: Endpoint::Order },
    Route { method: "POST", path: "/order/{user_id}", endpoint: Endpoint::OrderOf },
    Route { method: "GET", path: "/orders/{id}", endpoint: Endpoint::Show },
    Route { method: "DELETE", path: "/orders/{id}", endpoint: Endpoint::Cancel },
    Route { method: "POST", path: "/pay", endpoint: Endpoint::Pay },
];

/// The service, for one request.
pub struct Orders<'a> {
    /// Its state, time, chance and configuration.
    pub ports: Ports<'a>,
    /// The services beside it.
    pub calls: &'a dyn Calls,
}

/// An order that somebody wants made.
struct Wish {
    user_id: u64,
    basket: Basket,
    message: &'static str,
    /// How it is answered if the user does not exist.
    unknown_user: (u16, Refusal),
}

impl Orders<'_> {
    /// Answers a request; every failure is an answer too.
    pub fn answer(&self, request: &Request) -> Answer {
        self.route(request).unwrap_or_else(Problem::into_answer)
    }

    fn route(&self, request: &Request) -> Result<Answer, Problem> {
        let (endpoint, segment) = find(&ROUTES, request)?;
        let caller = token::caller(request, self.ports.settings, self.ports.clock, self.calls)?;
        match endpoint {
            Endpoint::Order => self.make(request, caller, wish(request)?),
            Endpoint::OrderOf => self.make(request, caller, wish_of(request, segment)?),
            Endpoint::Show => self.show(request, caller, segment),
            Endpoint::Cancel => self.cancel(caller, segment),
            Endpoint::Pay => self.pay(request, caller),
        }
    }

    fn make(&self, request: &Request, caller: Caller, wish: Wish) -> Result<Answer, Problem> {
        caller.must_be(wish.user_id)?;
        let slip = idempotency::slip(request, wish.user_id)?;
        if let Some(slip) = &slip {
            match slip.find(self.ports)? {
                Found::Nothing => {}
                found => return self.resume(slip, found, wish.message),
            }
        }
        let (status, refusal) = wish.unknown_user;
        customers::must_exist(self.calls, wish.user_id, status, refusal)?;
        let order = Order::new(self.ports, wish.user_id, wish.basket)?;
        if let Some(slip) = &slip {
            match slip.begin(self.ports, Some(&order))? {
                Found::Nothing => {}
                found => return self.resume(slip, found, wish.message),
            }
        }
        order.keep(self.ports)?;
        Ok(self.end(slip.as_ref(), made(&order, wish.message)))
    }

    /// Goes on where an earlier request with this key ended.
    fn resume(&self, slip: &Slip, found: Found, message: &'static str) -> Result<Answer, Problem> {
        match found {
            Found::Answered(answer) => Ok(answer),
            Found::CutOff(Some(order)) => {
                order.keep(self.ports)?;
                Ok(self.end(Some(slip), made(&order, message)))
            }
            Found::Nothing | Found::CutOff(None) => {
                Err(Problem::unavailable("what became of the first request is unclear"))
            }
        }
    }

    /// Stores an answer for the request's key. The answer is right even if that fails, so that is only logged.
    fn end(&self, slip: Option<&Slip>, mut answer: Answer) -> Answer {
        if let Some(Err(error)) = slip.map(|slip| slip.end(self.ports, &answer)) {
            answer.cause = Some(error.to_string());
        }
        answer
    }

    fn show(&self, request: &Request, caller: Caller, segment: &str) -> Result<Answer, Problem> {
        let order = self.find(caller, segment)?;
        let answer = Answer::json(200, &order).header("cache-control", "no-cache");
        Ok(answer_unless_known(request, answer))
    }

    fn cancel(&self, caller: Caller, segment: &str) -> Result<Answer, Problem> {
        let order_id = self.find(caller, segment)?.order_id;
        match order::cancel(self.ports, order_id)? {
            Cancellation::Cancelled { total } => Ok(Answer::json(
                200,
                &Receipt { message: "订单已取消", order_id, payment_id: None, total, status: Status::Cancelled },
            )),
            Cancellation::Paid => {
                Err(Problem::new(409, "already-paid", "The order is paid", "an order that is paid cannot be cancelled")
                    .refusing(Refusal::outside("order_id", "is the id of a paid order")))
            }
        }
    }

    fn find(&self, caller: Caller, segment: &str) -> Result<Order, Problem> {
        let order_id = text::id(segment).ok_or_else(order::no_such_order)?;
        let order = order::find(self.ports, order_id)?;
        caller.must_be(order.user_id)?;
        Ok(order)
    }

    fn pay(&self, request: &Request, caller: Caller) -> Result<Answer, Problem> {
        let body = request.object(&PAYMENT)?;
        let mut checks = Checks::new();
        let order_id = checks.integer(&body, &Place::root(), "order_id", 1..=LARGEST_INTEGER);
        let order_id = checks.finish(order_id)?;
        let order = order::find(self.ports, order_id)?;
        caller.must_be(order.user_id)?;
        let slip = idempotency::slip(request, order.user_id)?;
        if let Some(slip) = &slip
            && let Found::Answered(answer) = slip.begin(self.ports, None)?
        {
            return Ok(answer);
        }
        let answer = match order::pay(self.ports, order_id)? {
            Payment::Paid { payment_id } => paid(&order, &payment_id),
            Payment::Cancelled => cancelled().into_answer(),
        };
        Ok(self.end(slip.as_ref(), answer))
    }
}

fn wish(request: &Request) -> Result<Wish, Problem> {
    let body = request.object(&basket::ORDER)?;
    let mut checks = Checks::new();
    let user_id = checks.integer(&body, &Place::root(), "user_id", 1..=LARGEST_INTEGER);
    let basket = basket::take(&mut checks, &body);
    let (user_id, basket) = checks.finish(user_id.zip(basket))?;
    let refusal = Refusal::at(&Place::root().name("user_id"), "is not the id of a user");
    Ok(Wish { user_id, basket, message: "订单创建成功", unknown_user: (422, refusal) })
}

fn wish_of(request: &Request, segment: &str) -> Result<Wish, Problem> {
    let refusal = Refusal::outside("user_id", "is not the id of a user");
    let user_id = text::id(segment).ok_or_else(|| {
        Problem::new(404, "no-such-user", "No such user", "no user has this id").refusing(refusal.clone())
    })?;
    let body = request.object(&basket::ORDER)?;
    let mut checks = Checks::new();
    let basket = basket::take(&mut checks, &body);
    let basket = checks.finish(basket)?;
    Ok(Wish { user_id, basket, message: "Order created successfully", unknown_user: (404, refusal) })
}

/// The answer to a new order: what it was when it was made, also when it is told again later.
fn made(order: &Order, message: &str) -> Answer {
    let Order { order_id, total, .. } = *order;
    Answer::json(201, &Receipt { message, order_id, payment_id: None, total, status: Status::Created })
        .header("location", format!("/orders/{order_id}"))
}

fn paid(order: &Order, payment_id: &str) -> Answer {
    let Order { order_id, total, .. } = *order;
    Answer::json(
        200,
        &Receipt { message: "支付成功", order_id, payment_id: Some(payment_id), total, status: Status::Paid },
    )
}

fn cancelled() -> Problem {
    Problem::new(
        409,
        "order-cancelled",
        "The order is cancelled",
        "an order that is cancelled cannot be paid; make a new one",
    )
    .refusing(Refusal::at(&Place::root().name("order_id"), "is the id of a cancelled order"))
}

#[cfg(test)]
mod tests;
