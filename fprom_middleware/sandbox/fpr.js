/*
 * Stand-in for FirstPromoter's fpr.js, served by `fprom sandbox`.
 *
 * It does what a server can notice of the real one: a referral link's visit is registered once,
 * asynchronously, and both cookies appear only after the tracker answered 200.
 */
(function (window, document) {
  "use strict";

  // As the real script for proxies reads it.
  var CLICK_URL = window.proxy_fpr_tr_url || "{{base_url}}/tr";
  var LINK_PARAMS = ["fp_ref", "fpr", "via", "ref", "a", "_from", "_by", "deal", "_go", "_get"];
  var COOKIE_DAYS = 60;

  var queue = (window.fpr && window.fpr.q) || [];
  var account = null;
  var pending = null;

  function readCookie(name) {
    var pairs = document.cookie.split("; ");
    for (var i = 0; i < pairs.length; i++) {
      if (pairs[i].indexOf(name + "=") === 0) {
        return unescape(pairs[i].slice(name.length + 1));
      }
    }
    return null;
  }

  // A browser refuses a cookie for a public suffix (com, co.uk): the shortest domain
  // that it takes is the root domain. localhost and addresses have none.
  function rootDomain() {
    var host = window.location.hostname;
    var labels = host.split(".");
    if (/^[\d.]+$/.test(host)) {
      return null;
    }
    for (var i = labels.length - 2; i >= 0; i--) {
      var domain = labels.slice(i).join(".");
      document.cookie = "_fprom_probe=1; path=/; domain=" + domain;
      if (readCookie("_fprom_probe") !== null) {
        document.cookie = "_fprom_probe=; path=/; max-age=0; domain=" + domain;
        return domain;
      }
    }
    return null;
  }

  function writeCookie(name, value, domain) {
    var expires = new Date(Date.now() + COOKIE_DAYS * 24 * 60 * 60 * 1000).toUTCString();
    document.cookie =
      name + "=" + escape(value) + "; expires=" + expires + "; path=/" +
      (domain ? "; domain=" + domain : "");
  }

  function remember(tid, ref) {
    var domain = rootDomain();
    writeCookie("_fprom_tid", tid, domain);
    writeCookie("_fprom_ref", ref, domain);
    publish();
  }

  function publish() {
    window.FPROM = { data: { tid: readCookie("_fprom_tid"), ref_id: readCookie("_fprom_ref") } };
  }

  function refOfLink(params) {
    for (var i = 0; i < LINK_PARAMS.length; i++) {
      var ref = params.get(LINK_PARAMS[i]);
      if (ref) {
        return ref;
      }
    }
    return null;
  }

  // fpc=<tid>--<base64 of ref> carries a visitor to another root domain.
  function visitorOfLink(params) {
    var parts = (params.get("fpc") || "").split("--");
    if (parts.length !== 2 || !parts[0]) {
      return null;
    }
    try {
      return { tid: parts[0], ref: window.atob(parts[1]) };
    } catch (error) {
      return null;
    }
  }

  function click() {
    var params = new URLSearchParams(window.location.search);
    var carried = visitorOfLink(params);
    if (carried) {
      remember(carried.tid, carried.ref);
      return;
    }
    var ref = refOfLink(params);
    if (!ref || ref === readCookie("_fprom_ref") || ref === pending) {
      return;
    }
    pending = ref;
    window
      .fetch(CLICK_URL, {
        method: "POST",
        credentials: "same-origin",
        body: new URLSearchParams({
          cid: account || "",
          event: "click",
          ref_id: ref,
          url: window.location.href,
          referrer: document.referrer
        })
      })
      .then(function (response) {
        return response.json().then(function (answer) {
          if (response.status === 200) {
            remember(answer.tid, answer.ref_id);
          } else {
            console.warn("fprom sandbox: no click registered: " + answer.message);
          }
        });
      })
      .catch(function (error) {
        console.warn("fprom sandbox: no click registered: " + error);
      })
      .then(function () {
        pending = null;
      });
  }

  function run(args) {
    if (args[0] === "init") {
      account = (args[1] && args[1].cid) || null;
    } else if (args[0] === "click") {
      click();
    } else {
      console.warn("fprom sandbox: fpr(" + JSON.stringify(args[0]) + ") is not played here");
    }
  }

  window.fpr = function () {
    run(arguments);
  };
  publish();
  for (var i = 0; i < queue.length; i++) {
    run(queue[i]);
  }
})(window, document);
