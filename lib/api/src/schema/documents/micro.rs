//! Micro services: what they answer below `$SRV`.

use super::*;

shapes! {
    SERVICE OPEN "An instance of a service" {
        must "name": Kind::Text(Form::ServiceName), "The service";
        must "id": WORD, "The instance";
        must "version": Kind::Text(Form::Version), "The version of the service";
        may "metadata": Kind::Nullable(&LABELS), "Names and values for whoever wants them";
    }

    ENDPOINT OPEN "A subject on which a service answers" {
        must "name": Kind::Text(Form::ServiceName), "Its name";
        must "subject": WORD, "The subject";
        may "metadata": Kind::Nullable(&LABELS), "Names and values for whoever wants them";
        may "queue_group": TEXT, "The group whose members share the requests";
    }

    ABOUT_SERVICE OPEN "What a service is for" {
        must "description": TEXT, "In words";
        may "endpoints": Kind::List(&Kind::Object(&ENDPOINT)), "On which subjects it answers";
    }

    ENDPOINT_STATS OPEN "What an endpoint has done" {
        must "name": Kind::Text(Form::ServiceName), "Its name";
        must "subject": WORD, "The subject";
        must "num_requests": SIGNED, "Requests";
        must "num_errors": SIGNED, "Requests that were answered by an error";
        must "last_error": TEXT, "The last of those";
        must "processing_time": SIGNED, "Nanoseconds of work in all";
        must "average_processing_time": SIGNED, "Nanoseconds of work for one request";
        may "queue_group": TEXT, "The group whose members share the requests";
        may "data": Kind::Anything, "What the service adds";
    }

    STATS OPEN "What a service has done" {
        must "started": TIME, "Since when";
        must "endpoints": Kind::List(&Kind::Object(&ENDPOINT_STATS)), "By endpoint";
    }
}

schemas! { MICRO of "io.nats.micro.v1." {
    "info_response": Typed[SERVICE, ABOUT_SERVICE], "Answer of $SRV.INFO";
    "ping_response": Typed[SERVICE], "Answer of $SRV.PING";
    "stats_response": Typed[SERVICE, STATS], "Answer of $SRV.STATS";
}}
