//! Answers with the status that `?status=` names, and with `?body=` if there is one.

use behaviours_p3::{Answer, Request, answer, serve};

serve!(handle);

async fn handle(request: Request) -> Answer {
    let response = match request.query.text("body") {
        "" => answer::head(200, Vec::new()),
        body => answer::whole(200, "text/plain", body)?,
    };
    match response.set_status_code(request.query.number("status", 200)) {
        Ok(()) => Ok(response),
        Err(()) => answer::whole(500, "text/plain", "refused"),
    }
}
